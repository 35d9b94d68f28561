import Domain
import HTTP
import JSON

/// Pastes, as LogPaste has them: `PUT /` with a text, `POST /` with a form, `GET /{id}`.
struct PasteHandlers: Sendable {
    let pastes: any PasteRepository

    /// A form's delimiters and headers come on top of the paste.
    static let formBytesMax = Paste.bytesMax + 64 * 1024
    /// With 218 million million ids, one that is taken is rare, and two in a row are a fault elsewhere.
    private static let attemptsMax = 3

    func add(to routes: inout RouteTable) {
        routes.add(.put, "/", Route(bodyBytesMax: Paste.bytesMax, respond: upload))
        routes.add(.post, "/", Route(bodyBytesMax: Self.formBytesMax, respond: uploadForm))
        routes.add(.get, "/{id}", Route(readsData: true, respond: show))
    }

    @Sendable private func upload(_ routed: RoutedRequest) async throws -> Response {
        try await create(routed, routed.request.body) { id in
            var json = JSONWriter()
            json.beginObject()
            json.key("id")
            json.string(id)
            json.endObject()
            var response = Response.json(.ok, json)
            response.add("Location", "/\(id)")
            return response
        }
    }

    @Sendable private func uploadForm(_ routed: RoutedRequest) async throws -> Response {
        let request = routed.request
        let parts: [ArraySlice<UInt8>]
        do throws(MultipartForm.Failure) {
            parts = try MultipartForm.parts(of: request.body, type: request.headers.first("content-type"))
        } catch {
            throw switch error {
            case .notMultipart: AppError.malformed("Send the text as a multipart/form-data body, or with PUT.")
            case .malformed: AppError.malformed("The multipart body is cut off or its boundary is wrong.")
            case .tooManyParts(let max): AppError.malformed("The form has more than \(max) parts.")
            }
        }
        guard let contents = parts.first(where: { !isBlank($0) }) else {
            throw AppError.malformed("No part of the form has any text in it.")
        }
        guard contents.count <= Paste.bytesMax else { throw Refusal.bodyTooLarge(bytesMax: Paste.bytesMax) }
        let origin = origin(request.headers)
        return try await create(routed, Array(contents)) { id in
            var response = Response(.ok, type: "text/plain; charset=utf-8", body: Array("\(origin)/\(id)\n".utf8))
            response.add("Location", "/\(id)")
            return response
        }
    }

    @Sendable private func show(_ routed: RoutedRequest) async throws -> Response {
        let id = routed.parameters["id"]
        guard Paste.isID(id), let paste = try pastes.find(id) else { throw routed.notFound() }
        return Response(.ok, type: "text/plain; charset=utf-8", body: paste.contents)
    }

    private func create(
        _ routed: RoutedRequest,
        _ contents: [UInt8],
        answer: @escaping @Sendable (_ id: String) -> Response
    ) async throws -> Response {
        guard !isBlank(contents[...]) else { throw AppError.malformed("The paste is empty.") }
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<Self.attemptsMax {
            let id = Paste.newID(using: &generator)
            let once = try routed.once(content: contents) { (isNew: Bool) in isNew ? answer(id) : nil }
            let written = try await pastes.create(Paste(id: id, contents: contents), once: once)
            guard written.value else { continue }
            var response = answer(id)
            response.add(written.receipt)
            return response
        }
        throw AppError.unavailable("No free id was found. Nothing was stored.")
    }

    private func isBlank(_ contents: ArraySlice<UInt8>) -> Bool {
        // Nearly every paste has a letter near its start; only the others are looked at as Unicode.
        if contents.contains(where: { (0x21...0x7E).contains($0) }) { return false }
        return String(decoding: contents, as: UTF8.self).unicodeScalars.allSatisfy(\.properties.isWhitespace)
    }

    /// Where the client sees this service.
    ///
    /// Behind a proxy that ends TLS only the proxy knows the scheme; whoever lies about it spoils no answer but his own.
    private func origin(_ headers: RequestHeaders) -> String {
        guard let host = headers.first("host"), !host.isEmpty else { return "" }
        let isSecure = headers.first("x-forwarded-proto")?.lowercased() == "https"
        return "\(isSecure ? "https" : "http")://\(host)"
    }
}
