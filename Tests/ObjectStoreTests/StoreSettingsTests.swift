import HTTPClient
import Testing

@testable import ObjectStore

@Suite struct StoreSettingsTests {
    struct Expected: Equatable {
        var kind: StoreSettings.Kind = .s3
        var bucket = ""
        var path = ""
        var endpoint: String?
        var region: String?
    }

    @Test(arguments: [
        ("file:///var/backup/my%20app/", Expected(kind: .file, path: "/var/backup/my app/")),
        ("s3://bucket", Expected(bucket: "bucket")), ("s3://bucket/", Expected(bucket: "bucket")),
        ("s3://bucket/a//b/", Expected(bucket: "bucket", path: "a/b")),
        ("S3://bucket/p", Expected(bucket: "bucket", path: "p")),
        ("s3://my.bucket.name/p", Expected(bucket: "my.bucket.name", path: "p")),
        ("s3://bucket.minio:9000/p", Expected(bucket: "bucket", path: "p", endpoint: "http://minio:9000")),
        ("s3://b.minio.example.com:443/p", Expected(bucket: "b", path: "p", endpoint: "https://minio.example.com:443")),
        ("s3://b.127.0.0.1:9000/p", Expected(bucket: "b", path: "p", endpoint: "http://127.0.0.1:9000")),
        ("s3://b.localhost:9000/p", Expected(bucket: "b", path: "p", endpoint: "http://localhost:9000")),
        ("s3://b.localhost/p", Expected(bucket: "b", path: "p", endpoint: "http://localhost")),
        (
            "s3://b.s3.us-west-004.backblazeb2.com/p",
            Expected(bucket: "b", path: "p", endpoint: "https://s3.us-west-004.backblazeb2.com", region: "us-west-004")
        ),
        (
            "s3://b.s3.filebase.com/p",
            Expected(bucket: "b", path: "p", endpoint: "https://s3.filebase.com", region: "us-east-1")
        ),
        (
            "s3://b.nyc3.digitaloceanspaces.com/p",
            Expected(bucket: "b", path: "p", endpoint: "https://nyc3.digitaloceanspaces.com", region: "nyc3")
        ),
        (
            "s3://b.s3.fr-par.scw.cloud/p",
            Expected(bucket: "b", path: "p", endpoint: "https://s3.fr-par.scw.cloud", region: "fr-par")
        ),
        (
            "s3://b.eu-central-1.linodeobjects.com/p",
            Expected(bucket: "b", path: "p", endpoint: "https://eu-central-1.linodeobjects.com", region: "eu-central-1")
        ),
        ("s3://b.s3.eu-west-1.amazonaws.com/p", Expected(bucket: "b", path: "p", region: "eu-west-1")),
        ("s3://b.s3.amazonaws.com/p", Expected(bucket: "b", path: "p")),
        (
            "s3://b/p?endpoint=http%3A%2F%2Fhost%3A9&region=r",
            Expected(bucket: "b", path: "p", endpoint: "http://host:9", region: "r")
        ),
        (
            "s3://b.minio:9000/p?endpoint=https://other",
            Expected(bucket: "b", path: "p", endpoint: "https://other")
        ),
        ("gs://bucket/p/q", Expected(kind: .gcs, bucket: "bucket", path: "p/q")),
        ("gcs://bucket", Expected(kind: .gcs, bucket: "bucket")),
        ("abs://container/p", Expected(kind: .azure, bucket: "container", path: "p")),
    ])
    func `a URL names the store, the place and the prefix`(url: String, expected: Expected) throws {
        let settings = try StoreSettings(url: url)
        let found = Expected(
            kind: settings.kind,
            bucket: settings.bucket,
            path: settings.path,
            endpoint: settings.endpoint,
            region: settings.region
        )
        #expect(found == expected)
    }

    @Test func `the account of an Azure URL and the flags of a query are taken over`() throws {
        #expect(try StoreSettings(url: "abs://account@container/p").accountName == "account")
        #expect(try StoreSettings(url: "s3://b?forcePathStyle=true").forcePathStyle == true)
        #expect(try StoreSettings(url: "s3://b?force-path-style=0&skip-verify=1").forcePathStyle == false)
        #expect(try StoreSettings(url: "s3://b?skipVerify=true").skipVerify)
        #expect(try !StoreSettings(url: "s3://b").skipVerify)
    }

    @Test(arguments: [
        ("", "replica URL"), ("bucket/path", "replica URL"), ("/var/lib/db", "replica URL"),
        ("sftp://host/p", "sftp:// is no kind"), ("azure://c/p", "azure:// is no kind"),
        ("file://relative/path", "three slashes"), ("file://", "three slashes"), ("s3:///path", "no bucket"),
        ("abs://account@/p", "no container"), ("s3://bucket:9000/p", "bucket.host:port"),
        ("s3://b.host:0/p", "bucket.host:port"), ("s3://b.host:x/p", "bucket.host:port"),
        ("s3://AKIA:hunter2@bucket/p", "do not belong"), ("abs://account:hunter2@container/p", "do not belong"),
        ("s3://b/p#q", "%23"), ("s3://b/%zz", "%"), ("s3://b/%ff", "%"), ("s3://b?part-size=5", "part-size"),
        ("s3://b?skipVerify=perhaps", "true or false"), ("s3://b\u{e9}/p", "no bucket name"),
        ("s3://b b/p", "no bucket name"), ("s3://..b/p", "no bucket name"),
    ])
    func `a URL that means nothing is refused, without repeating a secret`(url: String, part: String) {
        #expect {
            _ = try StoreSettings(url: url)
        } throws: { error in
            let text = "\(error)"
            return text.contains(part) && !text.contains("hunter2")
        }
    }

    @Test(arguments: [
        (nil, nil, "b", "https://b.s3.us-east-1.amazonaws.com", "/k%20%2B"),
        (nil, nil, "b.c", "https://s3.us-east-1.amazonaws.com", "/b.c/k%20%2B"),
        (nil, true, "b", "https://s3.us-east-1.amazonaws.com", "/b/k%20%2B"),
        ("http://h:9", nil, "b", "http://h:9", "/b/k%20%2B"), ("http://h:9/", false, "b", "http://b.h:9", "/k%20%2B"),
        ("https://h:443", nil, "b", "https://h", "/b/k%20%2B"),
        ("h.example", nil, "b", "https://h.example", "/b/k%20%2B"),
    ])
    func `a bucket is in the host name for AWS, and in the path for an endpoint, unless told otherwise`(
        endpoint: String?,
        forcePathStyle: Bool?,
        bucket: String,
        origin: String,
        path: String
    ) throws {
        var settings = StoreSettings(kind: .s3)
        (settings.bucket, settings.endpoint, settings.forcePathStyle) = (bucket, endpoint, forcePathStyle)
        let site = try S3Site(settings, region: nil)
        #expect(site.origin == origin)
        #expect(site.path("k +") == path)
    }

    @Test(arguments: ["ftp://h", "http://", "http://h/path", "http://u:hunter2@h", "http://h h", "http://h?x", ""])
    func `an endpoint that is more or less than an address is refused, without repeating a secret`(
        endpoint: String
    ) {
        var settings = StoreSettings(kind: .s3)
        (settings.bucket, settings.endpoint) = ("b", endpoint)
        #expect {
            _ = try settings.open(.test())
        } throws: {
            $0 is StoreURLError && !"\($0)".contains("hunter2")
        }
    }

    @Test func `a key without its secret, and a part-size that S3 does not take, are refused before anything is sent`()
    {
        var settings = StoreSettings(kind: .s3)
        settings.bucket = "b"
        settings.accessKeyID = "a"
        #expect(throws: StoreURLError.self) { try settings.open(.test()) }
        settings.accessKeyID = nil
        settings.partBytes = StoreSettings.partBytesMin - 1
        #expect(throws: StoreURLError.self) { try settings.open(.test()) }
        settings.partBytes = StoreSettings.partBytesMin
        #expect(throws: Never.self) { try settings.open(.test()) }
    }
}
