import HTTP
import Pages

/// A file that is part of the program.
struct StaticFile: Sendable {
    let response: Response
    let isPage: Bool

    private init(_ type: StaticString, _ bytes: [UInt8], isPage: Bool = false) {
        var response = Response(.ok, type: type, body: bytes)
        if isPage {
            // Nothing from anywhere else, and nothing written into the page itself.
            response.add(
                "Content-Security-Policy",
                "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
                    + "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
            )
        }
        response.add("Cache-Control", "public, max-age=300")
        self.response = response
        self.isPage = isPage
    }

    /// For people who operate the service.
    static let statusPage = StaticFile("text/html; charset=utf-8", Pages.statusHTML, isPage: true)

    static let all: [(path: String, file: StaticFile)] = [
        ("/", StaticFile("text/html; charset=utf-8", Pages.homeHTML, isPage: true)),
        ("/docs", StaticFile("text/html; charset=utf-8", Pages.docsHTML, isPage: true)),
        ("/openapi.json", StaticFile("application/json", Pages.openapiJSON)),
        ("/assets/site.css", StaticFile("text/css; charset=utf-8", Pages.siteCSS)),
        ("/assets/home.js", StaticFile("text/javascript; charset=utf-8", Pages.homeJS)),
        ("/assets/docs.js", StaticFile("text/javascript; charset=utf-8", Pages.docsJS)),
        ("/assets/site.js", StaticFile("text/javascript; charset=utf-8", Pages.siteJS)),
        ("/assets/status.js", StaticFile("text/javascript; charset=utf-8", Pages.statusJS)),
        ("/assets/icon.svg", StaticFile("image/svg+xml", Pages.iconSVG)),
    ]
}
