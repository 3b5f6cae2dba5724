"""Catalogues as files: read into entries line by line, and written from them; no database."""
