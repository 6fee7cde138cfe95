"""auth_http.py PORT USER=ADDRESS:PORT... - tells nginx's mail proxy which host
has whose mail. It checks no password: the mail host does."""
import http.server
import sys

hosts = dict(word.split("=", 1) for word in sys.argv[2:])


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        host = hosts.get(self.headers["Auth-User"])
        if host is None:
            self.send_header("Auth-Status", "Invalid login or password")
        else:
            self.send_header("Auth-Status", "OK")
            self.send_header("Auth-Server", host.rsplit(":", 1)[0])
            self.send_header("Auth-Port", host.rsplit(":", 1)[1])
        self.end_headers()

    def log_message(self, *_):
        pass


http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
