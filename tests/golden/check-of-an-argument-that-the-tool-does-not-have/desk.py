import convrun


def upper(text: str, times: int = 1) -> str:
    """In capitals."""
    return text.upper() * times


class Phone(convrun.Toolbox):
    def call(self, number: str) -> str:
        """Call somebody."""
        return number
