import HTTPClient
import Testing

@testable import ObjectStore

/// - SeeAlso: <https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html>
@Suite struct SigV4Tests {
    static let time = StoreTime(unixMilliseconds: 1_369_353_600_000)  // 2013-05-24T00:00:00Z
    static let credentials = AWSCredentials(
        accessKeyID: "AKIAIOSFODNN7EXAMPLE",
        secretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
    )

    static func request(
        _ method: ClientRequest.Method,
        _ path: String,
        query: [(name: String, value: String)] = [],
        headers: [(name: String, value: String)] = [],
        body: String = ""
    ) -> CloudRequest {
        CloudRequest(
            .get,
            key: "",
            .reads,
            method,
            origin: "https://examplebucket.s3.amazonaws.com",
            path: path,
            query: query,
            headers: headers,
            body: Array(body.utf8)
        )
    }

    @Test(arguments: [
        (
            request(.get, "/test.txt", headers: [("range", "bytes=0-9")]),
            "host;range;x-amz-content-sha256;x-amz-date",
            "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"
        ),
        (
            request(
                .put,
                "/" + PercentEncoding.path("test$file.text"),
                headers: [("date", "Fri, 24 May 2013 00:00:00 GMT"), ("x-amz-storage-class", "REDUCED_REDUNDANCY")],
                body: "Welcome to Amazon S3."
            ),
            "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
            "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"
        ),
        (
            request(.get, "/", query: [("lifecycle", "")]), "host;x-amz-content-sha256;x-amz-date",
            "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"
        ),
        (
            request(.get, "/", query: [("prefix", "J"), ("max-keys", "2")]), "host;x-amz-content-sha256;x-amz-date",
            "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"
        ),
    ])
    func `the signatures are those of AWS's own examples`(
        request: CloudRequest,
        names: String,
        signature: String
    ) throws {
        let signer = SigV4(dialect: .amazon, service: "s3", region: "us-east-1")
        let signed = try signer.sign(request, Self.credentials, at: Self.time)
        let scope = "AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request"
        #expect(
            signed.headers.last?.value
                == "AWS4-HMAC-SHA256 Credential=\(scope),SignedHeaders=\(names),Signature=\(signature)"
        )
    }

    @Test func `everything that is sent is signed: another condition, token, body or region, another signature`() throws
    {
        func signature(
            _ headers: [(name: String, value: String)] = [],
            _ token: String? = nil,
            _ body: String = "",
            _ region: String = "us-east-1",
            _ dialect: SigV4.Dialect = .amazon
        ) throws -> String {
            let credentials = AWSCredentials(accessKeyID: "a", secretAccessKey: "s", sessionToken: token)
            let signed = try SigV4(dialect: dialect, service: "s3", region: region)
                .sign(Self.request(.put, "/k", headers: headers, body: body), credentials, at: Self.time)
            return try #require(signed.headers.last?.value)
        }
        let signatures = try [
            signature(), signature([("if-none-match", "*")]), signature([], "token"), signature([], nil, "body"),
            signature([], nil, "", "eu-west-1"), signature([], nil, "", "us-east-1", .google),
        ]
        #expect(Set(signatures.map { $0.split(separator: "=").last ?? "" }).count == signatures.count)
    }

    @Test func `what is secret is in no description`() {
        let credentials = AWSCredentials(accessKeyID: "AK", secretAccessKey: "hidden1", sessionToken: "hidden2")
        var settings = StoreSettings(kind: .s3)
        settings.secretAccessKey = "hidden1"
        settings.accountKey = "hidden2"
        settings.sasToken = "hidden2"
        var dumped = ""
        dump(credentials, to: &dumped)
        dump(settings, to: &dumped)
        let text = "\(credentials) \(settings) \(String(reflecting: credentials)) \(String(reflecting: settings))"
        #expect(!(text + dumped).contains("hidden"))
    }
}
