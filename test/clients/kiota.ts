import {
  AllowedHostsValidator,
  BaseBearerTokenAuthenticationProvider,
  HttpMethod,
  type Parsable,
  RequestInformation,
} from '@microsoft/kiota-abstractions';
import { createGraphBetaServiceClient, GraphBetaRequestAdapter } from '@microsoft/msgraph-beta-sdk';
import {
  createSecurityActionCollectionResponseFromDiscriminatorValue,
  createSecurityActionFromDiscriminatorValue,
  type SecurityAction,
  type SecurityActionCollectionResponse,
  serializeSecurityAction,
} from '@microsoft/msgraph-beta-sdk/models/index.js';
import { createODataErrorFromDiscriminatorValue } from '@microsoft/msgraph-beta-sdk/models/oDataErrors/index.js';

/** What an SDK adds to a request. */
export interface Extra {
  query?: Record<string, string | number | boolean | string[]>;
  headers?: Record<string, string>;
}

export const ERRORS = { ['X'.repeat(3)]: createODataErrorFromDiscriminatorValue };
const LIST =
  '{+baseurl}/security/securityActions{?%24count,%24filter,%24orderby,%24select,%24skip,%24top}';
const ITEM = '{+baseurl}/security/securityActions/{securityAction%2Did}';

/**
 * The request builders of `securityActions` as Microsoft generates them: the package has the models and the adapter,
 * but its builders are not published.
 */
export class KiotaActions {
  readonly adapter: GraphBetaRequestAdapter;

  constructor(baseUrl: string, token: () => Promise<string>) {
    const allowedHosts = new AllowedHostsValidator(new Set(['localhost']));
    this.adapter = new GraphBetaRequestAdapter(
      new BaseBearerTokenAuthenticationProvider({
        getAuthorizationToken: (url) =>
          allowedHosts.isUrlHostValid(url!) ? token() : Promise.resolve(''),
        getAllowedHostsValidator: () => allowedHosts,
      }),
    );
    this.adapter.baseUrl = baseUrl;
    createGraphBetaServiceClient(this.adapter);
  }

  async create(action: Partial<SecurityAction>): Promise<SecurityAction> {
    const created = await this.#send(this.createRequest(action));
    return created!;
  }

  async get(id: string, extra?: Extra): Promise<SecurityAction> {
    return (await this.#send(
      this.request(HttpMethod.GET, `${ITEM}{?%24select}`, { id, ...extra }),
    ))!;
  }

  async list(query: Extra['query'] = {}) {
    const request = this.request(HttpMethod.GET, LIST, { query });
    const page = await this.adapter.send<SecurityActionCollectionResponse>(
      request,
      createSecurityActionCollectionResponseFromDiscriminatorValue,
      ERRORS,
    );
    return page!;
  }

  count(query: Extra['query'] = {}): Promise<number | undefined> {
    const template = '{+baseurl}/security/securityActions/$count{?%24filter}';
    const request = this.request(HttpMethod.GET, template, { query });
    request.headers.tryAdd('Accept', 'text/plain;q=0.9');
    return this.adapter.sendPrimitive<number>(request, 'number', ERRORS);
  }

  cancel(id: string): Promise<void> {
    const request = this.request(HttpMethod.POST, `${ITEM}/cancelSecurityAction`, { id });
    return this.adapter.sendNoResponseContent(request, ERRORS);
  }

  async patch(id: string, action: Partial<SecurityAction>): Promise<SecurityAction> {
    const request = this.request(HttpMethod.PATCH, ITEM, { id });
    return (await this.#send(this.#withBody(request, action)))!;
  }

  delete(id: string, extra?: Extra): Promise<void> {
    const request = this.request(HttpMethod.DELETE, ITEM, { id, ...extra });
    return this.adapter.sendNoResponseContent(request, ERRORS);
  }

  createRequest(action: Partial<SecurityAction>): RequestInformation {
    return this.#withBody(this.request(HttpMethod.POST, LIST), action);
  }

  request(
    method: HttpMethod,
    template: string,
    { id, query = {}, headers = {} }: Extra & { id?: string } = {},
  ): RequestInformation {
    const request = new RequestInformation(method, template, {
      baseurl: this.adapter.baseUrl,
      ...(id !== undefined && { 'securityAction%2Did': id }),
    });
    for (const [name, value] of Object.entries(query)) {
      request.queryParameters[`%24${name}`] = value;
    }
    request.addRequestHeaders(headers);
    request.headers.tryAdd('Accept', 'application/json');
    return request;
  }

  #withBody(request: RequestInformation, action: Partial<SecurityAction>): RequestInformation {
    request.setContentFromParsable(
      this.adapter,
      'application/json',
      action as SecurityAction & Parsable,
      serializeSecurityAction,
    );
    return request;
  }

  #send(request: RequestInformation): Promise<SecurityAction | undefined> {
    return this.adapter.send(request, createSecurityActionFromDiscriminatorValue, ERRORS);
  }
}
