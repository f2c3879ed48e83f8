import { SetMetadata } from '@nestjs/common';

/** What a token may do here. Who may write may read; who may operate may neither, unless it says so as well. */
export type Role = 'read' | 'write' | 'operate';

export const ACCESS = 'access';

/** The route needs no token. */
export const Public = () => SetMetadata(ACCESS, 'public');

/** The role that a token must have for the route, or for every route of the class. */
export const RequireRole = (role: Role) => SetMetadata(ACCESS, role);
