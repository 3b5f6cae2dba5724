"""Between clients and threads: what a web worker does before Django sees a request."""
