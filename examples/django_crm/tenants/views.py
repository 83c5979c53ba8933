"""The CRM's own calls."""

from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from echodesk_billing.django.access import HasActiveSubscription


class Me(APIView):
    """Who I am; works for suspended tenants too, so that they can pay."""

    def get(self, request: Request) -> Response:
        """Answer it."""
        return Response({"user": request.user.username, "suspended": request.tenant.is_suspended})


class Calls(APIView):
    """Part of the feature `telephony`."""

    permission_classes = [*APIView.permission_classes, HasActiveSubscription.to("telephony")]

    def get(self, _request: Request) -> Response:
        """List the calls."""
        return Response({"calls": []})
