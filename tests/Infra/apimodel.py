"""Turns the provider's inputs into parameters of AWS calls, and judges them by botocore's models and by what botocore itself leaves to the server."""
import re

import botocore.session
from botocore.validate import ParamValidator

SESSION = botocore.session.get_session()


def strict(shape, value, path):
    """What botocore leaves to the server: enumerations, lengths, ranges and patterns of the model."""
    kind, meta = shape.type_name, shape.metadata
    if kind == "structure":
        for name, item in value.items():
            strict(shape.members[name], item, f"{path}.{name}")
    elif kind == "list":
        limits(meta, len(value), f"{path}: items")
        for n, item in enumerate(value):
            strict(shape.member, item, f"{path}[{n}]")
    elif kind == "map":
        for name, item in value.items():
            strict(shape.key, name, f"{path} key")
            strict(shape.value, item, f"{path}.{name}")
    elif kind == "string":
        if shape.enum and value not in shape.enum:
            raise ValueError(f"{path}: {value!r} is none of {', '.join(shape.enum)}")
        limits(meta, len(value), f"{path}: length")
        if "pattern" in meta and not fits(meta["pattern"], value):
            raise ValueError(f"{path}: {value!r} does not fit {meta['pattern']}")
    elif kind in ("integer", "long", "double", "float"):
        limits(meta, value, path)


def limits(meta, number, what):
    if "min" in meta and number < meta["min"]:
        raise ValueError(f"{what} {number} is below {meta['min']}")
    if "max" in meta and number > meta["max"]:
        raise ValueError(f"{what} {number} is above {meta['max']}")


def fits(pattern, value):
    try:
        return re.fullmatch(pattern.replace(r"\p{L}", "a-zA-Z").replace(r"\p{Z}", " ").replace(r"\p{N}", "0-9"), value, re.ASCII) or re.search(pattern, value)
    except re.error:
        return True  # Java's dialect; the API would judge it


def check(service, operation, parameters):
    shape = SESSION.get_service_model(service).operation_model(operation).input_shape
    report = ParamValidator().validate(parameters, shape)
    if report.has_errors():
        raise ValueError(f"{service}:{operation}: {report.generate_report()}")
    strict(shape, parameters, f"{service}:{operation}")


def pascal(value, keep=()):
    """The provider's camelCase names as the API's PascalCase ones; maps of free keys (in keep) stay."""
    if isinstance(value, dict):
        return {k[0].upper() + k[1:]: (v if k in keep else pascal(v, keep)) for k, v in value.items()}
    return [pascal(v, keep) for v in value] if isinstance(value, list) else value


def whole(value):
    """Numbers travel as doubles; the API wants integers where the provider's schema has them."""
    if isinstance(value, dict):
        return {k: whole(v) for k, v in value.items()}
    if isinstance(value, list):
        return [whole(v) for v in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def dimensions(values):
    return [{"Name": k, "Value": v} for k, v in values.items()]


def query(q):
    made = {"Id": q["id"], "ReturnData": q["returnData"]}
    if "expression" in q:
        return {**made, "Expression": q["expression"], "Label": q["label"]}
    m = q["metric"]
    return {**made, "MetricStat": {"Metric": {"Namespace": m["namespace"], "MetricName": m["metricName"], "Dimensions": dimensions(m["dimensions"])},
                                   "Period": m["period"], "Stat": m["stat"]}}
