// The Management API by the npm package `auth0`.

import { ManagementClient } from "auth0";

export class ManagementApi {
  #api;

  constructor({ domain, management }) {
    const { client_id: clientId, client_secret: clientSecret, audience } = management;
    this.#api = new ManagementClient({ domain, clientId, clientSecret, audience });
  }

  /** Makes a privileged worker with a key to authenticate by and one to sign its requests by. */
  async makeWorker({ name, grant_type, authentication_pem, request_pem, ip_allowlist, grants }) {
    const { clients, connections } = this.#api;
    const { client_id } = await clients.create({
      name,
      app_type: "non_interactive",
      grant_types: [grant_type],
      client_authentication_methods: {
        private_key_jwt: {
          credentials: [{ credential_type: "public_key", pem: authentication_pem, alg: "RS256" }],
        },
      },
    });
    const { id, kid } = await clients.credentials.create(client_id, {
      credential_type: "public_key",
      name: "requests",
      pem: request_pem,
      alg: "RS256",
    });
    await clients.update(client_id, {
      token_vault_privileged_access: { credentials: [{ id }], ip_allowlist, grants },
    });
    for (const { connection } of grants) {
      const { data } = await connections.list({ name: connection });
      await connections.clients.update(data[0].id, [{ client_id, status: true }]);
    }
    return { client_id, kid };
  }

  /** Lets a worker ask from these addresses only. */
  async confine({ client_id, ip_allowlist }) {
    const { clients } = this.#api;
    const { token_vault_privileged_access: access } = await clients.get(client_id);
    await clients.update(client_id, { token_vault_privileged_access: { ...access, ip_allowlist } });
    return {};
  }
}
