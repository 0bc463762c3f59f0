import convrun


@convrun.check("sentences", about="how many sentences there are at most", schema={"type": "integer"})
def sentences(context, most):
    found = context.reply.count(".")
    assert found <= most, f"there are {found}"


def crash(context, value):
    raise LookupError(value)
