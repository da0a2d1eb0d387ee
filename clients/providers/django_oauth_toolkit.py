"""An OpenID provider on django-oauth-toolkit, in one file, for as long as its folder is kept.

Usage: django_oauth_toolkit.py FOLDER REDIRECT_URI

It prints one line of JSON once it listens. The tests' own controls are below /_test/.
"""

import json
import sys
from pathlib import Path
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import django
from django.conf import settings
from django.core.management import call_command
from jwcrypto.jwk import JWK

FOLDER, REDIRECT_URI = Path(sys.argv[1]), sys.argv[2]
PEOPLE = ["ada", "grace"]
PASSWORD = "a-password-at-the-provider"
CLIENT = {"client_id": "strongroom", "client_secret": "a-secret-of-the-django-client"}

LOGIN_PAGE = """<!DOCTYPE html><title>Log in</title>
<form method="post">{% csrf_token %}{{ form }}<button type="submit">Log in</button></form>"""
# Theirs without the style sheet, which nobody serves here.
BASE_PAGE = "<!DOCTYPE html><title>Provider</title>{% block content %}{% endblock %}"

access_token_lifetime = 3600
counts = {"refreshes": 0, "rotations": 0, "refused": 0, "revocations": 0}


def note(get_response):
    """Counts what was asked of the provider and how it answered."""

    def middleware(request):
        token = request.POST.get("refresh_token")
        response = get_response(request)
        succeeded = response.status_code == 200
        counts["revocations"] += request.path == "/o/revoke_token/" and succeeded
        counts["refused"] += request.path == "/o/token/" and not succeeded
        if request.path == "/o/token/" and succeeded and token is not None:
            counts["refreshes"] += 1
            counts["rotations"] += json.loads(response.content)["refresh_token"] != token
        return response

    return middleware


settings.configure(
    SECRET_KEY="only for tests",
    ALLOWED_HOSTS=["localhost"],
    ROOT_URLCONF=__name__,
    USE_TZ=True,
    STATIC_URL="/static/",
    LOGIN_URL="/login/",
    # Hashing slowly protects nobody here.
    PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": FOLDER / "provider.db",
            # Whoever writes waits for the other writers from the start.
            "OPTIONS": {"timeout": 20, "transaction_mode": "IMMEDIATE"},
        }
    },
    INSTALLED_APPS=[
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.sessions",
        "oauth2_provider",
    ],
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        f"{__name__}.note",
    ],
    TEMPLATES=[
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "OPTIONS": {
                "loaders": [
                    (
                        "django.template.loaders.locmem.Loader",
                        {
                            "registration/login.html": LOGIN_PAGE,
                            "oauth2_provider/base.html": BASE_PAGE,
                        },
                    ),
                    "django.template.loaders.app_directories.Loader",
                ]
            },
        }
    ],
    OAUTH2_PROVIDER={
        "OIDC_ENABLED": True,
        "OIDC_RSA_PRIVATE_KEY": JWK.generate(kty="RSA", size=2048)
        .export_to_pem(private_key=True, password=None)
        .decode(),
        "OAUTH2_VALIDATOR_CLASS": f"{__name__}.Validator",
        # It has no word for offline access: every grant comes with a refresh token.
        "SCOPES": {"openid": "who you are", "email": "your address"},
        # RFC 9700 §4.14.2: one that comes twice ends the whole family.
        "REFRESH_TOKEN_REUSE_PROTECTION": True,
        "EXTRA_SERVER_KWARGS": {"token_expires_in": lambda _: access_token_lifetime},
    },
)
django.setup()

from django.contrib.auth.models import User
from django.contrib.auth.views import LoginView
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse, JsonResponse
from django.urls import include, path
from django.views.decorators.csrf import csrf_exempt
from oauth2_provider.models import Application, RefreshToken
from oauth2_provider.oauth2_validators import OAuth2Validator


class Validator(OAuth2Validator):
    """Tells the e-mail address to those who may know it."""

    oidc_claim_scope = OAuth2Validator.oidc_claim_scope | {"email_verified": "email"}

    def get_additional_claims(self):
        return {"email": lambda request: request.user.email, "email_verified": lambda _: True}


@csrf_exempt
def lifetime(request):
    """Access tokens last so many seconds, from the next one on. Answers what was counted before."""
    global access_token_lifetime
    access_token_lifetime = json.loads(request.body)
    return JsonResponse(counts)


@csrf_exempt
def withdraw(request):
    """As if the person had taken back what they allowed."""
    username = json.loads(request.body)
    for token in RefreshToken.objects.filter(user__username=username, revoked=None):
        token.revoke()
    return HttpResponse(status=204)


urlpatterns = [
    path("login/", LoginView.as_view()),
    path("o/", include("oauth2_provider.urls")),
    path("_test/lifetime", lifetime),
    path("_test/withdraw", withdraw),
    path("_test/counts", lambda _: JsonResponse(counts)),
]


class Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True
    request_queue_size = 64


class QuietHandler(WSGIRequestHandler):
    def log_message(self, *_):
        """Says nothing: URLs may hold codes."""


def main():
    call_command("migrate", verbosity=0)
    for name in PEOPLE:
        User.objects.create_user(name, f"{name}@django.test", PASSWORD)
    Application.objects.create(
        **CLIENT,
        name="Strongroom",
        client_type=Application.CLIENT_CONFIDENTIAL,
        authorization_grant_type=Application.GRANT_AUTHORIZATION_CODE,
        algorithm=Application.RS256_ALGORITHM,
        redirect_uris=REDIRECT_URI,
    )
    server = make_server("localhost", 0, get_wsgi_application(), Server, QuietHandler)
    origin = f"http://localhost:{server.server_port}"
    announced = {"origin": origin, "password": PASSWORD, "client": CLIENT}
    print(json.dumps(announced), flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
