"""Settings read from the environment; all faults there are reported at once."""

from collections.abc import Callable, Iterable, Mapping
from ipaddress import ip_network
from typing import Any, TypeVar, cast

from environs import Env, EnvValidationError, ValidationError

Reader = TypeVar("Reader", bound=Callable[..., Any])

# ISO 4217: currencies without exactly two decimals, and codes that are no money to pay with. All
# amounts here are kept and shown in hundredths.
_WITHOUT_CENTS = frozenset(
    (
        *("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI"),
        *("VND", "VUV", "XAF", "XOF", "XPF"),
        *("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND", "CLF", "UYW"),
        *("XAG", "XAU", "XBA", "XBB", "XBC", "XBD", "XDR", "XPD", "XPT", "XSU", "XTS", "XUA"),
        "XXX",
    )
)


def check_currency(code: str) -> None:
    """Refuse what is not three capital letters, and a currency without hundredths."""
    if len(code) != 3 or not (code.isascii() and code.isalpha() and code.isupper()):
        raise ValidationError("A currency has three capital letters.")
    if code in _WITHOUT_CENTS:
        raise ValidationError("A currency must have two decimals, and this one has not.")


def check_networks(networks: Iterable[str]) -> None:
    """Refuse what is no list of networks such as 10.0.0.0/8."""
    for text in networks:
        try:
            ip_network(text)
        except ValueError as error:
            raise ValidationError(f"{error}.") from error


def _read_on(read: Reader) -> Reader:
    """Make a reader return the default for a faulty value, or "" where it has no default."""

    def read_or_note(self: Env, name: str, default: Any = ..., **options: Any) -> Any:
        value = read(self, name, default, **options)
        return ("" if default is ... else default) if value is None else value

    return cast(Reader, read_or_note)


class Environment(Env):
    """The environment, read to its end despite faults; `find_faults` then reports them."""

    str = _read_on(Env.str)
    int = _read_on(Env.int)
    bool = _read_on(Env.bool)
    float = _read_on(Env.float)
    list = _read_on(Env.list)
    json = _read_on(Env.json)
    path = _read_on(Env.path)
    log_level = _read_on(Env.log_level)

    def __init__(self) -> None:
        super().__init__(eager=False)


def find_faults(env: Environment) -> list[str]:
    """Return a sentence for each variable that is missing or wrong, once all are read."""
    try:
        env.seal()
    except EnvValidationError as error:
        found = cast(Mapping[str, list[str]], error.error_messages)
        return [_describe(name, faults) for name, faults in found.items()]
    return []


def _describe(name: str, faults: Iterable[str]) -> str:
    if "Environment variable not set." in faults:
        return f"{name} must be set."
    return f"{name} is invalid: {' '.join(faults)}"
