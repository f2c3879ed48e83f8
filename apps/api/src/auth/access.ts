import { SetMetadata } from '@nestjs/common';
import type { Role } from '#auth/token-claims';

export const ACCESS = 'access';

/** The route needs no token. */
export const Public = () => SetMetadata(ACCESS, 'public');

/** The role that a token must have for the route, or for every route of the class. */
export const RequireRole = (role: Role) => SetMetadata(ACCESS, role);
