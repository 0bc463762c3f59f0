def polite(context, word):
    return word in context.reply
