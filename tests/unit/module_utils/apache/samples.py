"""What the tests of Apache declare, as the module's parameters have it."""

from apache_server import ARGUMENTS


def vhost(name="a.example.org", **more):
    """Return a vhost; a key that is not given has its default."""
    return _defaults(ARGUMENTS["vhosts"]["options"]) | {"name": name} | more


def params(**more):
    """Return all parameters; one that is not given has its default."""
    return _defaults(ARGUMENTS) | more


def _defaults(options):
    return {key: option.get("default") for key, option in options.items()}
