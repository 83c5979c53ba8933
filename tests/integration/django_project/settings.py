"""Settings of the project. Those of billing come from the environment, as they may."""

from __future__ import annotations

import os

SECRET_KEY = "of a test"
DEBUG = False
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "tests.integration.django_project.urls"
WSGI_APPLICATION = "tests.integration.django_project.server.application"
INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    *(["rest_framework", "drf_spectacular"] if os.environ.get("WITH_REST_FRAMEWORK", "1") == "1" else []),
    "echodesk_billing.django",
]
MIDDLEWARE = [
    "tests.integration.django_project.tenants.TenantMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
STATIC_URL = "static/"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": os.environ.get("CRM_DATABASE", ":memory:"),
        "ATOMIC_REQUESTS": True,
    }
}
if "CRM_POSTGRES" in os.environ:  # the socket's folder and the name of a database
    folder, name = os.environ["CRM_POSTGRES"].split(":")
    DATABASES["default"] |= {
        "ENGINE": "django.db.backends.postgresql",
        "HOST": folder,
        "NAME": name,
        "USER": "postgres",
    }
SESSION_ENGINE = "django.contrib.sessions.backends.signed_cookies"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework.authentication.SessionAuthentication"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
}
SPECTACULAR_SETTINGS = {
    "OAS_VERSION": "3.1.0",
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "echodesk_billing.django.spectacular.add_billing",
    ],
}
ECHODESK_BILLING = {"BILLING_PRODUCT_NAME": "EchoDesk"}
