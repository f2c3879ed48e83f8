import { Events, OAuth2Server } from 'oauth2-mock-server';
import { loadStackSettings } from '../stack-settings.ts';
import { tokenClaims } from '../token.ts';
import { signingKey } from './signing-key.ts';
import { defaultRequest } from './token-defaults.ts';

/*
 * The token issuer of `npm start`, a process of its own: `node dev/stack/issuer.ts`. It serves the public
 * key, OpenID discovery and `POST /token`, which gives a token to whoever asks; hence ISSUER_HOST is 127.0.0.1.
 */
const { STACK_DIR, ISSUER_HOST, ISSUER_PORT } = loadStackSettings();
const request = defaultRequest(STACK_DIR, ISSUER_PORT);
const server = new OAuth2Server();
await server.issuer.keys.add(await signingKey(STACK_DIR));
server.issuer.url = request.issuer;
server.service.on(Events.BeforeTokenSigning, (token: { payload: object }) => {
  Object.assign(token.payload, tokenClaims(request, Math.floor(Date.now() / 1000)));
});
await server.start(ISSUER_PORT, ISSUER_HOST);
