"""Makes the calls of a playbook through Microsoft's Python SDK, unmodified.

Reads one call per line, `{"call": "get", "args": {"id": "…"}}`, and answers it by one line: `{"value": …}`, or
`{"error": …}` with what a playbook finds in the SDK's error. GRAPH_URL and GRAPH_TOKEN say where and as whom.
"""

import asyncio
import json
import os
import sys
import time
import warnings

from azure.core.credentials import AccessToken
from kiota_abstractions.base_request_configuration import RequestConfiguration
from kiota_authentication_azure.azure_identity_authentication_provider import (
    AzureIdentityAuthenticationProvider,
)
from kiota_serialization_json.json_serialization_writer import JsonSerializationWriter
from msgraph_beta import GraphRequestAdapter, GraphServiceClient
from msgraph_beta.generated.models.key_value_pair import KeyValuePair
from msgraph_beta.generated.models.o_data_errors.o_data_error import ODataError
from msgraph_beta.generated.models.operation_status import OperationStatus
from msgraph_beta.generated.models.result_info import ResultInfo
from msgraph_beta.generated.models.security_action import SecurityAction
from msgraph_beta.generated.models.security_vendor_information import SecurityVendorInformation
from msgraph_beta.generated.security.security_actions.count.count_request_builder import (
    CountRequestBuilder,
)
from msgraph_beta.generated.security.security_actions.item.security_action_item_request_builder import (
    SecurityActionItemRequestBuilder,
)
from msgraph_beta.generated.security.security_actions.security_actions_request_builder import (
    SecurityActionsRequestBuilder,
)
from msgraph_core.requests.batch_request_builder import BatchRequestBuilder
from msgraph_core.requests.batch_request_content import BatchRequestContent
from msgraph_core.requests.batch_request_item import BatchRequestItem
from msgraph_core.tasks.page_iterator import PageIterator

# Each builder warns that Microsoft has retired the API.
warnings.simplefilter("ignore", DeprecationWarning)

BASE_URL = os.environ["GRAPH_URL"] + "/beta"
ERRORS = {"X" * 3: ODataError}


class FixedToken:
    """A credential as those of azure-identity, with a token that is there already."""

    def get_token(self, *scopes, **_options):
        return AccessToken(os.environ["GRAPH_TOKEN"], int(time.time()) + 3600)


adapter = GraphRequestAdapter(
    AzureIdentityAuthenticationProvider(
        FixedToken(),
        scopes=["https://graph.microsoft.com/.default"],
        allowed_hosts=["localhost"],
    )
)
client = GraphServiceClient(request_adapter=adapter)
adapter.base_url = BASE_URL
actions = client.security.security_actions


def item(id):
    return actions.by_security_action_id(id)


def model(name, vendorInformation, parameters, clientContext=None, actionReason=None):
    return SecurityAction(
        name=name,
        action_reason=actionReason,
        client_context=clientContext,
        parameters=[KeyValuePair(**parameter) for parameter in parameters],
        vendor_information=SecurityVendorInformation(**vendorInformation),
    )


def plain(parsable):
    """What the SDK has read, under the names of Graph."""
    writer = JsonSerializationWriter()
    parsable.serialize(writer)
    return json.loads(writer.get_serialized_content())


def page_of(collection):
    return {
        "value": [plain(action) for action in collection.value],
        "count": collection.odata_count,
        "hasNext": collection.odata_next_link is not None,
    }


def configured(parameters, query):
    return RequestConfiguration(query_parameters=parameters(**query))


def list_configuration(query):
    parameters = SecurityActionsRequestBuilder.SecurityActionsRequestBuilderGetQueryParameters
    return configured(parameters, query)


async def create(**action):
    return plain(await actions.post(model(**action)))


async def get(id, **query):
    parameters = SecurityActionItemRequestBuilder.SecurityActionItemRequestBuilderGetQueryParameters
    return plain(await item(id).get(configured(parameters, query)))


async def list_page(**query):
    return page_of(await actions.get(list_configuration(query)))


async def iterate(**query):
    """Every action, page by page, through the SDK's PageIterator."""
    first = await actions.get(list_configuration(query))
    seen = []

    def see(action):
        seen.append(plain(action))
        return True

    await PageIterator(first, adapter, error_mapping=ERRORS).iterate(see)
    return seen


async def follow(**query):
    """How many actions each page has, when the nextLinks are followed by hand."""
    page = await actions.get(list_configuration(query))
    sizes = [len(page.value)]
    while page.odata_next_link:
        page = await actions.with_url(page.odata_next_link).get()
        sizes.append(len(page.value))
    return sizes


async def count(**query):
    parameters = CountRequestBuilder.CountRequestBuilderGetQueryParameters
    return await actions.count.get(configured(parameters, query))


async def cancel(id):
    await item(id).cancel_security_action.post()


async def cancel_qualified(id):
    url = f"{BASE_URL}/security/securityActions/{id}/microsoft.graph.cancelSecurityAction"
    await item(id).cancel_security_action.with_url(url).post()


async def patch(id, status, errorInfo=None):
    report = SecurityAction(
        status=OperationStatus(status),
        error_info=ResultInfo(**errorInfo) if errorInfo else None,
    )
    return plain(await item(id).patch(report))


async def delete(id, ifMatch=None):
    configuration = RequestConfiguration()
    if ifMatch is not None:
        configuration.headers.add("If-Match", ifMatch)
    await item(id).delete(configuration)


async def batch(create, cancel, get):
    """Three requests in one: `create` an action, `cancel` one, `get` one. The SDK reads no bodies that are JSON."""
    requests = {
        "1": actions.to_post_request_information(model(**create)),
        "2": item(cancel).cancel_security_action.to_post_request_information(),
        "3": item(get).to_get_request_information(),
    }
    content = BatchRequestContent(
        {id: BatchRequestItem(request, id) for id, request in requests.items()}
    )
    answer = await BatchRequestBuilder(adapter, ERRORS).post(content)
    return answer.get_response_status_codes()


def error_of(error):
    inner = error.error.inner_error
    return {
        "status": error.response_status_code,
        "code": error.error.code,
        "message": error.error.message,
        "target": error.error.target,
        "requestId": inner.request_id,
        "date": inner.date.isoformat(),
        "header": error.response_headers["request-id"],
    }


CALLS = {
    call.__name__: call
    for call in (
        create, get, list_page, iterate, follow, count, cancel, cancel_qualified, patch, delete, batch,
    )
}


async def answer(line):
    request = json.loads(line)
    try:
        return {"value": await CALLS[request["call"]](**request["args"])}
    except ODataError as error:
        return {"error": error_of(error)}


async def main():
    while line := await asyncio.to_thread(sys.stdin.readline):
        print(json.dumps(await answer(line)), flush=True)


asyncio.run(main())
