"""Settings of the CRM. `CRM_DATABASE_URL` is its PostgreSQL; billing is configured at the end."""

import os
from urllib.parse import parse_qs, unquote, urlsplit

DATABASE_URL = os.environ.get("CRM_DATABASE_URL", "postgresql://crm@localhost/crm")
_database = urlsplit(DATABASE_URL)

SECRET_KEY = os.environ.get("CRM_SECRET_KEY", "only for this example")
DEBUG = False
ALLOWED_HOSTS = ["*"]
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

DATABASES = {
    "default": {
        "ENGINE": "django_tenants.postgresql_backend",
        "NAME": _database.path.lstrip("/"),
        "USER": unquote(_database.username or ""),
        "PASSWORD": unquote(_database.password or ""),
        "HOST": parse_qs(_database.query).get("host", [_database.hostname or ""])[0],
        "PORT": _database.port or "",
    }
}
DATABASE_ROUTERS = ["django_tenants.routers.TenantSyncRouter"]
TENANT_MODEL = "tenants.Tenant"
TENANT_DOMAIN_MODEL = "tenants.Domain"
SHARED_APPS = ["django_tenants", "tenants", "django.contrib.contenttypes", "echodesk_billing.django"]
TENANT_APPS = ["django.contrib.contenttypes", "django.contrib.auth", "rest_framework", "rest_framework.authtoken"]
INSTALLED_APPS = [*SHARED_APPS, *(app for app in TENANT_APPS if app not in SHARED_APPS)]

MIDDLEWARE = ["django_tenants.middleware.main.TenantMainMiddleware", "django.middleware.common.CommonMiddleware"]
ROOT_URLCONF = "crm.urls"
PUBLIC_SCHEMA_URLCONF = "crm.public_urls"
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework.authentication.TokenAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
}

ECHODESK_BILLING = {
    "DATABASE_URL": DATABASE_URL,
    "API_DOMAIN": os.environ.get("API_DOMAIN", "http://127.0.0.1:8000"),
    "FRONTEND_URL": "http://{tenant}.crm.localhost:8000",
    "BILLING_ENCRYPTION_KEYS": os.environ.get("BILLING_ENCRYPTION_KEYS"),
    "BOG_CLIENT_ID": "demo",
    "BOG_CLIENT_SECRET": "demo",
    "BOG_AUTH_URL": os.environ.get("BANK", "http://127.0.0.1:8081") + "/auth/realms/bog/protocol/openid-connect/token",
    "BOG_API_BASE_URL": os.environ.get("BANK", "http://127.0.0.1:8081") + "/payments/v1",
    "BOG_CALLBACK_PUBLIC_KEY": "bank.pem",
    "ACCESS_CACHE_SECONDS": os.environ.get("ACCESS_CACHE_SECONDS", "30"),
}
