"""Around every request: an id, our error form, counting, and nothing of bodies or secrets in the log."""

import logging
import re

from aiohttp import web
from aiohttp.typedefs import Middleware

from actors.domain.errors import TransientError
from gateway import ids
from gateway.auth import Handler
from gateway.edge import Busy
from gateway.metrics import Metrics
from gateway.problems import Problem, from_http_error, unavailable

log = logging.getLogger(__name__)

HEADER = "X-Request-ID"
REQUEST_ID = web.RequestKey("request_id", str)
_GIVEN = re.compile(r"[A-Za-z0-9._-]{1,64}")


def request_id_of(request: web.Request) -> str:
    """Return the request's id: the sender's, if it has a harmless form, else ours."""
    given = request.headers.get(HEADER, "")
    return given if _GIVEN.fullmatch(given) else ids.request_id()


def edge_middleware(metrics: Metrics, busy: Busy) -> Middleware:
    """Return the middleware; there is only one, because each costs every request."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        request_id = request_id_of(request)
        request[REQUEST_ID] = request_id
        busy.begin(request.protocol)
        try:
            response = await handler(request)
            if not response.prepared:
                response.headers[HEADER] = request_id
                if busy.draining:
                    response.force_close()
            return response
        except (Problem, web.HTTPException, TransientError) as error:
            problem = _problem_of(error)
            metrics.refused(problem.reason)
            return problem.response(request_id)
        except ConnectionResetError:
            raise  # the sender went away; aiohttp closes the connection
        except Exception as error:
            log.exception("request %s %s failed: %s", request_id, _template(request), type(error).__name__)
            metrics.refused("internal")
            return Problem(500, "something went wrong on our side", close=True).response(request_id)
        finally:
            busy.end(request.protocol)

    return middleware


def _problem_of(error: Problem | web.HTTPException | TransientError) -> Problem:
    match error:
        case Problem():
            return error
        case TransientError():
            return unavailable()
        case web.HTTPException():
            return from_http_error(error)


def _template(request: web.Request) -> str:
    """Return the route's pattern: paths may hold secrets."""
    resource = request.match_info.route.resource
    return resource.canonical if resource else "unknown"
