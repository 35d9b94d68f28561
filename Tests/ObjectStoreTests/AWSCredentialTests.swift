import Foundation
import HTTPClient
import StoreTestSupport
import Testing

@testable import ObjectStore

@Suite(.serialized) struct AWSCredentialTests {
    let server: Peer

    init() async throws { server = try await Peer.start("credentials.py") }

    var base: String { "http://127.0.0.1:\(server.port)" }

    func fetch(
        _ variables: [String: String],
        configured: AWSCredentials? = nil
    ) async throws(CredentialError) -> AWSCredentials {
        var environment = StoreEnvironment.test(variables)
        environment.clock.sleep = { _ in }
        environment.clock.elapsed = { .zero }
        return try await AWSCredentialChain(
            environment: environment,
            configured: configured,
            profile: AWSProfile(environment),
            region: { "eu-west-1" }
        ).fetch()
    }

    func tell(_ path: String) async throws {
        _ = try await StoreEnvironment.sharedClient.send(ClientRequest(.get, base + path))
    }

    func log() async throws -> [String: Int] {
        let answer = try await StoreEnvironment.sharedClient.send(ClientRequest(.get, base + "/log"))
        return try JSONDecoder().decode([String: Int].self, from: Data(answer.body))
    }

    let off = ["AWS_EC2_METADATA_DISABLED": "true"]

    // MARK: Where from, and in which order

    @Test func `the configuration beats AWS's variables, and these beat Litestream's`() async throws {
        let litestream = ["LITESTREAM_ACCESS_KEY_ID": "l", "LITESTREAM_SECRET_ACCESS_KEY": "ls"]
        let aws = ["AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "as", "AWS_SESSION_TOKEN": "at"]
        let configured = AWSCredentials(accessKeyID: "c", secretAccessKey: "cs")
        let both = litestream.merging(aws) { first, _ in first }
        #expect(try await fetch(litestream) == AWSCredentials(accessKeyID: "l", secretAccessKey: "ls"))
        let expected = AWSCredentials(accessKeyID: "a", secretAccessKey: "as", sessionToken: "at")
        #expect(try await fetch(both) == expected)
        #expect(try await fetch(both, configured: configured) == configured)
    }

    @Test(arguments: ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "LITESTREAM_SECRET_ACCESS_KEY"])
    func `half of a key is an error that names the other half`(variable: String) async throws {
        let error = await #expect(throws: CredentialError.self) { try await fetch([variable: "x"]) }
        #expect(error?.message.contains("is missing") == true)
    }

    @Test func `with nothing anywhere the error says what could be set`() async throws {
        let error = await #expect(throws: CredentialError.self) { try await fetch(off) }
        #expect(error?.reason == .unusable && error?.advice?.contains("AWS_ACCESS_KEY_ID") == true)
    }

    @Test func `a shared profile is read from both files, the one that is named or the default`() async throws {
        try await withTemporaryFolder { folder in
            let (credentials, config) = ("\(folder)/credentials", "\(folder)/config")
            try """
            # comment
            [default]
            aws_access_key_id = d
            aws_secret_access_key=d=s+/
            [ other ]
            aws_access_key_id = o
            aws_secret_access_key = os
            aws_session_token = ot
            """.write(toFile: credentials, atomically: true, encoding: .utf8)
            try """
            [default]
            region = eu-north-1
            s3 =
              region = nested
            [profile other]
            region = us-west-1
            [profile process]
            credential_process = /bin/secrets
            """.write(toFile: config, atomically: true, encoding: .utf8)
            let files = ["AWS_SHARED_CREDENTIALS_FILE": credentials, "AWS_CONFIG_FILE": config].merging(off) { $1 }
            func with(_ profile: String) -> [String: String] { files.merging(["AWS_PROFILE": profile]) { $1 } }
            let first = try await fetch(files)
            #expect(first == AWSCredentials(accessKeyID: "d", secretAccessKey: "d=s+/"))
            let other = try await fetch(with("other"))
            #expect(other == AWSCredentials(accessKeyID: "o", secretAccessKey: "os", sessionToken: "ot"))
            #expect(AWSProfile(.test(files)).region == "eu-north-1")
            #expect(AWSProfile(.test(with("other"))).region == "us-west-1")
            for (profile, part) in [("absent", "absent"), ("process", "credential_process")] {
                let error = await #expect(throws: CredentialError.self) { try await fetch(with(profile)) }
                #expect(error?.message.contains(part) == true)
            }
        }
    }

    // MARK: Services

    @Test func `an instance gives its role's credentials, by a session token of version 2`() async throws {
        let variables = ["AWS_EC2_METADATA_SERVICE_ENDPOINT": base + "/imds/"]
        let found = try await fetch(variables)
        #expect(found.accessKeyID.hasPrefix("imds-") && found.sessionToken == "session")
        #expect(try #require(found.expiresAt) > StoreClock.system.now() + .seconds(3500))
    }

    @Test func `a container gives its credentials, with the token from a file or a variable`() async throws {
        let open = ["AWS_CONTAINER_CREDENTIALS_FULL_URI": base + "/ecs/open"]
        #expect(try await fetch(open).accessKeyID.hasPrefix("ecs-"))
        var withToken = ["AWS_CONTAINER_CREDENTIALS_FULL_URI": base + "/ecs/token"]
        let refused = await #expect(throws: CredentialError.self) { try await fetch(withToken) }
        #expect(refused?.reason == .unusable && refused?.message.contains("secret words") == false)
        withToken["AWS_CONTAINER_AUTHORIZATION_TOKEN"] = "ecs-token"
        #expect(try await fetch(withToken).accessKeyID.hasPrefix("ecs-"))
        try await withTemporaryFolder { folder in
            try "ecs-token\n".write(toFile: folder + "/token", atomically: true, encoding: .utf8)
            var withFile = withToken
            withFile["AWS_CONTAINER_AUTHORIZATION_TOKEN"] = "wrong"
            withFile["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"] = folder + "/token"
            let found = try await fetch(withFile)
            #expect(found.accessKeyID.hasPrefix("ecs-"))
        }
    }

    @Test(arguments: [
        ("https://anything/x", true), ("http://127.0.0.1/x", true), ("http://localhost:80/x", true),
        ("http://169.254.170.2/v2", true), ("http://169.254.170.23/v1/credentials", true),
        ("http://[fd00:ec2::23]/v1", true), ("http://[::1]:8080/v1", true),
        ("http://10.0.0.1/x", false), ("http://example.com/", false), ("http://127.0.0.1.example.com/", false),
        ("http://127.0.0.1@example.com/", false), ("http://[fd00::1]/", false), ("ftp://localhost/", false),
    ])
    func `credentials are taken in plain text only from this machine or the platform`(url: String, isTrusted: Bool) {
        #expect(AWSCredentialChain.isTrusted(url) == isTrusted)
    }

    @Test func `a web identity is exchanged for its role's credentials`() async throws {
        try await withTemporaryFolder { folder in
            try "web token/+=\n".write(toFile: folder + "/token", atomically: true, encoding: .utf8)
            var variables = [
                "AWS_WEB_IDENTITY_TOKEN_FILE": folder + "/token", "AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/r",
                "AWS_ENDPOINT_URL_STS": base + "/sts",
            ]
            let found = try await fetch(variables)
            #expect(found.accessKeyID.hasPrefix("sts-") && found.sessionToken == "session" && found.expiresAt != nil)
            try "wrong".write(toFile: folder + "/token", atomically: true, encoding: .utf8)
            let refused = await #expect(throws: CredentialError.self) { try await fetch(variables) }
            #expect(refused?.message == "STS answered 403: AccessDenied: Not authorized to perform sts:Assume")
            variables["AWS_ROLE_ARN"] = nil
            await #expect(throws: CredentialError.self) { try await fetch(variables) }
        }
    }

    @Test func `a service that fails for a moment is asked again, and one that stays away is unreachable`() async throws
    {
        let variables = ["AWS_CONTAINER_CREDENTIALS_FULL_URI": base + "/ecs/open"]
        try await tell("/fail/2")
        #expect(try await fetch(variables).accessKeyID.hasPrefix("ecs-"))
        try await tell("/fail/3")
        let error = await #expect(throws: CredentialError.self) { try await fetch(variables) }
        #expect(error?.reason == .unreachable)
        try await tell("/fail/0")
    }

    // MARK: Keeping them fresh

    /// A clock that stands until it is told.
    final class TestClock: @unchecked Sendable {
        // Safe: moved between calls, by one task.
        var now = StoreClock.system.now()
        var clock: StoreClock {
            StoreClock(now: { self.now }, elapsed: { .zero }, sleep: { _ in }, random: { 0 })
        }
    }

    func cache(_ clock: TestClock) -> CredentialCache<AWSCredentials> {
        let variables = ["AWS_CONTAINER_CREDENTIALS_FULL_URI": base + "/ecs/open"]
        return CredentialCache(clock: clock.clock) { () async throws(CredentialError) in try await fetch(variables) }
    }

    @Test func `credentials are fetched once for all who wait, and again five minutes before they expire`() async throws
    {
        let clock = TestClock()
        let cache = cache(clock)
        let keys = try await withThrowingTaskGroup(of: String.self) { group in
            for _ in 0..<20 { group.addTask { try await cache.credential().accessKeyID } }
            return try await group.reduce(into: Set<String>()) { $0.insert($1) }
        }
        #expect(keys.count == 1)
        #expect(try await log()["/ecs/open"] == 1)
        clock.now = StoreClock.system.now() + .seconds(3600 - 400)
        _ = try await cache.credential()
        #expect(try await log()["/ecs/open"] == 1)
        clock.now = clock.now + .seconds(110)
        _ = try await cache.credential()
        #expect(try await log()["/ecs/open"] == 2)
    }

    @Test func `when the refresh fails the old ones serve until they expire, and not every call asks`() async throws {
        let clock = TestClock()
        let cache = cache(clock)
        let first = try await cache.credential()
        clock.now = StoreClock.system.now() + .seconds(3400)
        try await tell("/fail/1000")
        for _ in 0..<5 { #expect(try await cache.credential() == first) }
        #expect(try await log()["/ecs/open"] == 1 + 3, "one refresh, of three attempts")
        clock.now = clock.now + .seconds(250)
        await #expect(throws: CredentialError.self) { try await cache.credential() }
        try await tell("/fail/0")
        let later = try await cache.credential()
        #expect(later != first)
    }

    @Test func `a caller who gives up does not take the others' credentials away`() async throws {
        let cache = cache(TestClock())
        let impatient = Task { try await cache.credential() }
        let patient = Task { try await cache.credential() }
        impatient.cancel()
        let found = try await patient.value
        #expect(found.accessKeyID.hasPrefix("ecs-"))
    }

    @Test(.enabled(if: RealPeer.moto.isWanted))
    func `credentials that the store no longer accepts are renewed once, within the call`() async throws {
        let moto = try await RealPeer.moto.start()
        let proxy = try await Peer.start("faultproxy.py", String(moto.port))
        var settings = StoreSettings(kind: .s3)
        settings.bucket = "renewal-\(UUID().uuidString.lowercased())"
        settings.endpoint = "http://127.0.0.1:\(moto.port)"
        (settings.accessKeyID, settings.secretAccessKey) = ("testkey", "testsecret")
        try await createBucket(settings)
        settings.endpoint = "http://127.0.0.1:\(proxy.port)"
        (settings.accessKeyID, settings.secretAccessKey) = (nil, nil)
        let store = try settings.open(.test(["AWS_CONTAINER_CREDENTIALS_FULL_URI": base + "/ecs/open"]))
        let faults = [String](repeating: StoreFaultTests.answer(400, "ExpiredToken"), count: 3)
        for (count, asked) in [(1, 2), (3, 3)] {
            let body = try JSONEncoder().encode(Array(faults.prefix(count)))
            let url = "http://127.0.0.1:\(proxy.port)/__faults"
            _ = try await StoreEnvironment.sharedClient.send(ClientRequest(.post, url, body: Array(body)))
            if count == 1 {
                _ = try await store.createIfAbsent("k", [1])
            } else {
                await expect(.credentials) { try await store.get("k") }
            }
            #expect(try await log()["/ecs/open"] == asked)
        }
    }
}
