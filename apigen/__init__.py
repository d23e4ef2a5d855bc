"""apigen turns api/*.api into code. Python standard library only."""
