"""The change log: the stream that scripts write, its rows, what is made of them."""
