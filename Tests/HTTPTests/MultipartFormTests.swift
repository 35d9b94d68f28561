import HTTP
import Testing

struct MultipartFormTests {
    private static let type = "multipart/form-data; boundary=b"

    private func parts(_ body: String, _ type: String? = type) -> Result<[String], MultipartForm.Failure> {
        do throws(MultipartForm.Failure) {
            return .success(
                try MultipartForm.parts(of: Array(body.utf8), type: type).map { String(decoding: $0, as: UTF8.self) }
            )
        } catch {
            return .failure(error)
        }
    }

    @Test(arguments: [
        ("--b\r\nA: 1\r\n\r\nx\r\n--b--\r\n", ["x"]),
        ("--b\r\nA: 1\r\nB: 2\r\n\r\nx\r\n--b\r\nA: 1\r\n\r\ny\r\n--b--", ["x", "y"]),
        ("\r\n--b\r\n\r\nx\r\n--b--", ["x"]),
        ("preamble\r\n--b \t\r\n\r\nx\r\n--b--epilogue", ["x"]),
        ("--b\r\nA: 1\r\n\r\n\r\n--b--", [""]),
        ("--b\r\n\r\n\r\n--b--", [""]),
        ("--b\r\nA: 1\r\n\r\n\r\nx\r\n\r\n--b--", ["\r\nx\r\n"]),
        ("--b\r\nA: 1\r\n\r\nx--b y\n--b\r--b\r\n-b\r\n--b--", ["x--b y\n--b\r--b\r\n-b"]),
        ("--b--", []), ("x--b\r\n\r\nx\r\n--b--", []),
    ])
    func `the parts are what lies between the delimiters`(body: String, contents: [String]) {
        #expect(parts(body) == .success(contents))
    }

    @Test(arguments: [
        "", "x", "--", "--b", "--b\r", "--b\r\n", "--b-", "--b\r\n\r\n", "--b\r\n\r\nx", "--b\r\nA: 1\r\n\r\nx\r\n--b",
        "--b\r\nA: 1\r\n\r\nx\r\n--b-", "--b\r\nA: 1\r\n\r\nx\n--b--", "--bb\r\n\r\nx\r\n--b--",
        "--b x\r\n\r\nx\r\n--b--",
        "--b\r\n\r\nx\r\n--bb\r\n--b--", "--b\r\n--b--",
        // Without the empty line the second part's fields would hide in the first part.
        "--b\r\nA: 1\r\n--b\r\nB: 1\r\n\r\nx\r\n--b--",
    ])
    func `what is not closed or not opened is refused`(body: String) {
        #expect(parts(body) == .failure(.malformed))
    }

    @Test(arguments: [
        "multipart/form-data;boundary=b", "Multipart/Form-Data ; charset=x ; BOUNDARY = b",
        "multipart/form-data; boundary=\"b\"", "multipart/form-data; boundary=b; boundary=c",
    ])
    func `the boundary may be written in several ways`(type: String) {
        #expect(parts("--b\r\n\r\nx\r\n--b--", type) == .success(["x"]))
    }

    @Test(arguments: [
        nil, "", ";", "text/plain", "multipart/form-data", "multipart/mixed; boundary=b",
        "multipart/form-data; boundary",
        "multipart/form-data; boundary=", "multipart/form-data; boundary=\"\"", "xmultipart/form-data; boundary=b",
        "multipart/form-data; boundary=\(String(repeating: "b", count: 71))",
    ])
    func `another type is no form`(type: String?) {
        #expect(parts("--b\r\n\r\nx\r\n--b--", type) == .failure(.notMultipart))
    }

    @Test func `a boundary may have 70 characters`() {
        let boundary = String(repeating: "b", count: 70)
        let type = "multipart/form-data; boundary=\(boundary)"
        #expect(parts("--\(boundary)\r\n\r\nx\r\n--\(boundary)--", type) == .success(["x"]))
    }

    @Test func `the number of parts is bounded`() {
        let part = "--b\r\n\r\nx\r\n"
        let most = MultipartForm.partsMax
        #expect(parts(String(repeating: part, count: most) + "--b--") == .success(Array(repeating: "x", count: most)))
        #expect(parts(String(repeating: part, count: most + 1) + "--b--") == .failure(.tooManyParts(max: most)))
    }
}
