import HTTP
import Synchronization
import Testing

@testable import APIRoutes

@Suite struct BootTests {
    private let context = RequestContext(
        peer: PeerAddress(host: PeerAddress.Host(ipv4: 0x7F00_0001), port: 1),
        receivedAt: .now
    )

    private func body(_ response: Response) -> String { String(decoding: response.body, as: UTF8.self) }

    @Test func `while it starts it is alive, not ready, and says how far it is`() async throws {
        let boot = BootAPI { BootProgress(step: "Restoring.", doneBytes: 421, totalBytes: 1000) }
        #expect(await boot.respond(to: try request("GET /healthz"), context: context).status == .ok)
        for line in ["GET /readyz", "GET /tasks", "DELETE /tasks/1", "GET /", "POST /healthz"] {
            let response = await boot.respond(to: try request(line), context: context)
            #expect(response.status == .unavailable, "\(line)")
            #expect(String(decoding: response.fields, as: UTF8.self).contains("Retry-After: "), "\(line)")
            #expect(
                body(response).contains(#""progress":{"percent":42,"done_bytes":421,"total_bytes":1000}"#),
                "\(line)"
            )
        }
    }

    @Test(
        arguments: [
            (0, nil, nil), (5, 0, nil), (0, 7, 0), (6, 7, 85), (7, 7, 100), (9, 7, 100),
            (Int64.max / 2, Int64.max, 50),
        ] as [(Int64, Int64?, Int64?)]
    )
    func `a percentage needs a total, and is rounded down`(done: Int64, total: Int64?, percent: Int64?) {
        let found = BootProgress(step: "", doneBytes: done, totalBytes: total).percent
        // Beyond 92 PB one unit more or less is as good as it gets.
        #expect(found == percent || (done > 1 << 60 && found.map { abs($0 - (percent ?? 0)) <= 1 } ?? false))
    }

    @Test func `the handler changes between two requests, for good`() async throws {
        let switchable = SwitchableHandler(BootAPI { BootProgress(step: "Restoring.") })
        #expect(await switchable.respond(to: try request("GET /readyz"), context: context).status == .unavailable)
        switchable.change(to: Fixed(status: .created))
        #expect(await switchable.respond(to: try request("GET /readyz"), context: context).status == .created)
        #expect(switchable.bodyBytesMax(for: try request("GET /").head) == 7)
    }

    private struct Fixed: Handler {
        let status: Status

        func bodyBytesMax(for head: RequestHead) -> Int { 7 }
        func respond(to request: Request, context: RequestContext) async -> Response { Response(status) }
        func refuse(_ refusal: Refusal, context: RequestContext) -> Response { Response(refusal.status) }
    }
}
