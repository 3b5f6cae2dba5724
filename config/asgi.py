"""The ASGI application that `config.server` serves: the WSGI one behind a gateway."""

from config.http.gateway import Gateway
from config.wsgi import application as wsgi_application

application = Gateway(wsgi_application)
