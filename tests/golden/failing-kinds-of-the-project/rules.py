def sentences(context, value):
    found = context.reply.count(".")
    assert found <= value["at_most"], f"there are {found}"


def valid_sql(context, value):
    return context.reply.startswith("SELECT")


def broken(context, value):
    return context.parsed["total"]
