"""Are the aws commands of the pages commands? Each service, operation and option is looked up in botocore's models, and words of an enumeration in their lists.

Usage: commands.py FILE...    prints one line per mistake, and at last how many commands it has read. What the aws tool adds to the API is listed in EXTRA.
"""
import re
import shlex
import sys

import botocore.session
from botocore import xform_name

SESSION = botocore.session.get_session()
GLOBAL = {"region", "profile", "query", "output", "cli-binary-format", "cli-read-timeout", "no-cli-pager"}
EXTRA = {("cloudformation", "deploy"): {"template-file", "stack-name", "capabilities", "parameter-overrides"}, ("s3", "ls"): {"recursive"}, ("s3", "cp"): {"quiet", "recursive"}}
COMMAND = re.compile(r"(?<![\w/-])aws ((?:[a-z0-9-]+) (?:[a-z0-9-]+)[^`\n|;)]*)")


def mistakes(text):
    words = shlex.split(text)
    service, operation, options = "s3" if words[0] == "s3api" else words[0], words[1], words[2:]
    names = [o[2:].split("=")[0] for o in options if o.startswith("--")]
    if (words[0], operation) in EXTRA:
        return [f"--{n}" for n in names if n not in EXTRA[words[0], operation] | GLOBAL]
    if service not in SESSION.get_available_services():
        return [f"service {service}"]
    model = SESSION.get_service_model(service)
    found = next((o for o in model.operation_names if xform_name(o, "-") == operation), None)
    if found is None:
        return [f"operation {operation}"]
    members = {xform_name(m, "-"): shape for m, shape in model.operation_model(found).input_shape.members.items()}
    wrong = [f"--{n}" for n in names if n not in members and n not in GLOBAL]
    for name, value in zip(options, options[1:]):
        enum = members[name[2:]].enum if name[2:] in members and hasattr(members[name[2:]], "enum") else None
        if enum and value not in enum:
            wrong.append(f"{name} {value}")
    return wrong


def main(paths):
    count, failed = 0, False
    for path in paths:
        with open(path, encoding="utf-8") as file:
            text = file.read().replace("\\\n", " ")
        for match in COMMAND.finditer(text):
            count += 1
            command = match.group(1).replace("…", "").strip()
            try:
                wrong = mistakes(command)
            except ValueError as error:
                wrong = [str(error)]
            for what in wrong:
                print(f"{path}: aws {command}: {what}")
                failed = True
    print(f"{count} commands")
    sys.exit(failed)


if __name__ == "__main__":
    main(sys.argv[1:])
