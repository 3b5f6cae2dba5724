"""The ASGI application that `config.server` serves: the WSGI one behind a gateway."""

from django.conf import settings

from config.serving.gateway import Gateway
from config.serving.sockets import end_unread_answers
from config.wsgi import application as wsgi_application

application = Gateway(
    wsgi_application, prepare=lambda: end_unread_answers(settings.WEB_CLIENT_SECONDS)
)
