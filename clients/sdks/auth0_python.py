"""The PyPI package `auth0-python`. It takes the orders that `orders.mjs` describes."""

import json
import sys

from auth0.authentication import GetToken
from auth0.authentication.exceptions import Auth0Error
from auth0.management import ManagementClient

PLACE = json.loads(sys.argv[1])
DOMAIN = PLACE["domain"]
MANAGEMENT = ManagementClient(domain=DOMAIN, **PLACE["management"])


def make_worker(name, grant_type, authentication_pem, request_pem, ip_allowlist, grants):
    """Makes a privileged worker with a key to authenticate by and one to sign its requests by."""
    clients = MANAGEMENT.clients
    key = {"credential_type": "public_key", "pem": authentication_pem, "alg": "RS256"}
    worker = clients.create(
        name=name,
        app_type="non_interactive",
        grant_types=[grant_type],
        client_authentication_methods={"private_key_jwt": {"credentials": [key]}},
    )
    credential = clients.credentials.create(
        worker.client_id, credential_type="public_key", name="requests", pem=request_pem, alg="RS256"
    )
    access = {"credentials": [{"id": credential.id}], "ip_allowlist": ip_allowlist, "grants": grants}
    clients.update(worker.client_id, token_vault_privileged_access=access)
    enabled = [{"client_id": worker.client_id, "status": True}]
    for grant in grants:
        for connection in MANAGEMENT.connections.list(name=grant["connection"]):
            MANAGEMENT.connections.clients.update(connection.id, request=enabled)
    return {"client_id": worker.client_id, "kid": credential.kid}


def confine(client_id, ip_allowlist):
    """Lets a worker ask from these addresses only."""
    access = MANAGEMENT.clients.get(client_id).token_vault_privileged_access
    confined = access.model_copy(update={"ip_allowlist": ip_allowlist})
    MANAGEMENT.clients.update(client_id, token_vault_privileged_access=confined)
    return {}


def exchange(client, **parameters):
    application = GetToken(
        DOMAIN,
        client["client_id"],
        client_secret=client.get("client_secret"),
        client_assertion_signing_key=client.get("key"),
    )
    try:
        return {"answer": application.access_token_for_connection(**parameters)}
    except Auth0Error as error:
        refusal = {"type": "Auth0Error", "status": error.status_code, "code": error.error_code}
        return {"refusal": refusal}


ACTS = {"makeWorker": make_worker, "confine": confine, "exchange": exchange}

for line in sys.stdin:
    order = json.loads(line)
    print(json.dumps(ACTS[order.pop("act")](**order)), flush=True)
