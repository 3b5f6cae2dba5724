"""The project's routes, and the view that everything is compared with."""

from django.urls import path
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from config.urls import urlpatterns as project_urlpatterns


class EmptyView(APIView):
    """What Django, DRF and the server cost by themselves: no identity, no store, no data."""

    authentication_classes = ()

    def get(self, request: Request) -> Response:
        return Response({})


urlpatterns = [path("api/empty", EmptyView.as_view()), *project_urlpatterns]
