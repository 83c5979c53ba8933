"""Settings for all tests."""

import os

import stamina
import structlog
from hypothesis import HealthCheck, settings

settings.register_profile(
    "all", deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
settings.load_profile("all")
structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
stamina.instrumentation.set_on_retry_hooks([])
for name in list(os.environ):
    if name.startswith(("BOG_", "BILLING_", "API_DOMAIN", "FRONTEND_URL")):
        del os.environ[name]
