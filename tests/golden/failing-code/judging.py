def is_polite(context):
    return "please" in context.reply


def says_why(context):
    return f"'please' is missing in a reply of {len(context.reply)} characters"


def says_much(context):
    return "the reply is not polite:\n- no please\n- no thank you"


def asserts(context):
    assert context.reply == "YES"


def asserts_in_words(context):
    assert "dragons" in context.reply, "no dragons in it"


def answers_otherwise(context):
    return 42


def crashes(context):
    return context.parsed["total"] > 5
