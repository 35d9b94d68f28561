internal import FoundationEssentials
internal import HTTPClient
internal import JSON
internal import LTX
internal import Threads

/// A process of the service that can be asked.
package struct Endpoint: Sendable, Hashable {
    package let life: Int
    package let port: Int

    var url: String { "http://127.0.0.1:\(port)" }
}

/// One request to the service, and what its answer means.
struct Wire: Sendable {
    /// Longer than the service's own limit for a write.
    static let answerLimit = Duration.seconds(6)

    let http: HTTPClient
    let run: String

    /// What was asked for, before it is known how it ended.
    private struct Exchange {
        let status: Int
        let body: [UInt8]
        let txid: UInt64?
    }

    private struct Problem: Decodable { let type: String }
    private struct TaskBody: Decodable {
        let title: String
        let status: String
    }
    private struct UserBody: Decodable {
        let first_name: String  // swift-format-ignore: AlwaysUseLowerCamelCase
        let last_name: String?  // swift-format-ignore: AlwaysUseLowerCamelCase
    }
    private struct Numbered: Decodable { let id: Int64 }
    private struct Named: Decodable { let id: String }

    // MARK: Steps

    func create(
        _ kind: Kind,
        _ serial: Int,
        key: String? = nil,
        at endpoint: Endpoint,
        within limit: Duration = answerLimit
    ) async -> Operation {
        let payload = Payload(serial: serial, isNew: true, run: run)
        var request = ClientRequest(kind == .paste ? .put : .post, endpoint.url + path(kind, nil))
        request.body = kind == .paste ? Array(payload.paste.utf8) : json(payload, kind)
        if let key { request.headers.append(("Idempotency-Key", key)) }
        request.limits.total = limit
        var operation = Operation(
            .create(kind),
            serial: serial,
            life: endpoint.life,
            invoked: now,
            completed: 0,
            .refused
        )
        let exchange = await send(request, &operation)
        guard let exchange, operation.outcome == .acknowledged else { return operation }
        // A conflict with a twin under the same key says nothing of the twin.
        operation.txid = exchange.txid
        let id =
            kind == .paste
            ? try? JSONDecoder().decode(Named.self, from: Data(exchange.body)).id
            : (try? JSONDecoder().decode(Numbered.self, from: Data(exchange.body)).id).map(String.init)
        if let id {
            operation.row = RowID(kind, id)
        } else if !exchange.body.isEmpty {
            operation.surprise = "\(exchange.status) without an id: \(shortened(exchange.body))"
        }
        return operation
    }

    func change(_ row: RowID, _ serial: Int, at endpoint: Endpoint) async -> Operation {
        var request = ClientRequest(.put, endpoint.url + path(row.kind, row.id))
        request.body = json(Payload(serial: serial, isNew: false, run: run), row.kind)
        var operation = Operation(
            .change(row),
            serial: serial,
            life: endpoint.life,
            invoked: now,
            completed: 0,
            .refused
        )
        return await finish(request, row, &operation)
    }

    func delete(_ row: RowID, _ serial: Int, at endpoint: Endpoint) async -> Operation {
        var request = ClientRequest(.delete, endpoint.url + path(row.kind, row.id))
        request.isSentOnce = true  // a second one would find nothing, and say so
        var operation = Operation(
            .delete(row),
            serial: serial,
            life: endpoint.life,
            invoked: now,
            completed: 0,
            .refused
        )
        return await finish(request, row, &operation)
    }

    func read(_ row: RowID, since txid: UInt64? = nil, at endpoint: Endpoint) async -> Operation {
        var request = ClientRequest(.get, endpoint.url + path(row.kind, row.id))
        if let txid { request.headers.append(("X-Min-TXID", "\(TXID(rawValue: txid))")) }
        var operation = Operation(.read(row), life: endpoint.life, invoked: now, completed: 0, .refused, txidMin: txid)
        return await finish(request, row, &operation)
    }

    private func finish(_ request: ClientRequest, _ row: RowID, _ operation: inout Operation) async -> Operation {
        guard let exchange = await send(request, &operation) else { return operation }
        if exchange.status == 404 {
            operation.seen = .absent
            return operation
        }
        guard operation.outcome == .acknowledged else { return operation }
        operation.txid = operation.serial == nil ? nil : exchange.txid
        guard !exchange.body.isEmpty else { return operation }
        operation.seen = seen(row.kind, exchange.body)
        if operation.seen == nil { operation.surprise = "\(exchange.status) with \(shortened(exchange.body))" }
        return operation
    }

    // MARK: Requests

    private var now: Int64 { MonotonicTime.now.nanoseconds }

    private func path(_ kind: Kind, _ id: String?) -> String {
        let folder =
            switch kind {
            case .task: "/tasks"
            case .user: "/users"
            case .paste: ""
            }
        return id.map { "\(folder)/\($0)" } ?? (folder.isEmpty ? "/" : folder)
    }

    private func json(_ payload: Payload, _ kind: Kind) -> [UInt8] {
        var json = JSONWriter()
        json.beginObject()
        if kind == .task {
            json.key("title")
            json.string(payload.title)
            if !payload.isNew {
                json.key("status")
                json.string(payload.status)
            }
        } else {
            json.key("first_name")
            json.string(payload.firstName)
            json.key("last_name")
            if let lastName = payload.lastName { json.string(lastName) } else { json.null() }
        }
        json.endObject()
        return json.bytes
    }

    /// Sends, and writes into `operation` when and how it ended.
    private func send(_ request: ClientRequest, _ operation: inout Operation) async -> Exchange? {
        var request = request
        request.usesProxy = false
        request.answerBytesMax = 4 << 20
        request.limits.connect = .seconds(2)
        request.limits.total = min(request.limits.total, Self.answerLimit)
        let result: Result<ClientAnswer, TransferError>
        do throws(TransferError) { result = .success(try await http.send(request)) } catch { result = .failure(error) }
        operation.completed = now
        switch result {
        case .success(let answer):
            let txid = answer.header("x-replicated-txid").flatMap { TXID($0) }?.rawValue
            judge(answer.status, answer.body, &operation)
            return Exchange(status: answer.status, body: answer.body, txid: txid)
        case .failure(let error):
            switch error.delivery {
            case .neverSent: operation.outcome = .refused
            case .maybeApplied: operation.outcome = .ambiguous
            case .answered(let status):
                // The body is lost, what the status promises is not.
                judge(status, [], &operation)
                return (200..<300).contains(status) ? Exchange(status: status, body: [], txid: nil) : nil
            }
            return nil
        }
    }

    private func judge(_ status: Int, _ body: [UInt8], _ operation: inout Operation) {
        switch status {
        case 200..<300: operation.outcome = .acknowledged
        case 404 where operation.serial == nil: operation.outcome = .acknowledged
        case 404: operation.outcome = .refused
        case 409: operation.outcome = .refused
        case 503 where operation.serial == nil: operation.outcome = .refused
        case 503:
            let type = try? JSONDecoder().decode(Problem.self, from: Data(body)).type
            // Without its body nobody knows which of the two it is.
            operation.outcome = type?.hasSuffix("unavailable") == true ? .refused : .ambiguous
        default:
            operation.outcome = (400..<500).contains(status) ? .refused : .ambiguous
            operation.surprise = "\(status) \(shortened(body))"
        }
    }

    private func seen(_ kind: Kind, _ body: [UInt8]) -> Seen? {
        switch kind {
        case .task:
            (try? JSONDecoder().decode(TaskBody.self, from: Data(body))).map {
                .task(title: $0.title, status: $0.status, run: run)
            }
        case .user:
            (try? JSONDecoder().decode(UserBody.self, from: Data(body))).map {
                .user(firstName: $0.first_name, lastName: $0.last_name, run: run)
            }
        case .paste: .paste(String(decoding: body, as: UTF8.self), run: run)
        }
    }

    private func shortened(_ body: [UInt8]) -> String { String(decoding: body.prefix(200), as: UTF8.self) }

    // MARK: Everything

    private struct ListedTask: Decodable {
        let id: Int64
        let title: String
        let status: String
    }
    private struct ListedUser: Decodable {
        let id: Int64
        let first_name: String  // swift-format-ignore: AlwaysUseLowerCamelCase
        let last_name: String?  // swift-format-ignore: AlwaysUseLowerCamelCase
    }

    /// All rows, by way of the lists; pastes have none, so those that are asked for.
    func everything(_ pastes: Set<RowID>, at endpoint: Endpoint) async throws(TortureError) -> [RowID: Seen] {
        var rows: [RowID: Seen] = [:]
        try await list("/tasks", at: endpoint) { (task: ListedTask) in
            rows[RowID(.task, String(task.id))] = .task(title: task.title, status: task.status, run: run)
            return task.id
        }
        try await list("/users", at: endpoint) { (user: ListedUser) in
            rows[RowID(.user, String(user.id))] = .user(firstName: user.first_name, lastName: user.last_name, run: run)
            return user.id
        }
        for paste in pastes {
            let operation = await read(paste, at: endpoint)
            guard let seen = operation.seen else { throw TortureError("the last process did not show \(paste)") }
            if seen != .absent { rows[paste] = seen }
        }
        return rows
    }

    private static let pageLength = 1000

    private func list<Row: Decodable>(
        _ path: String,
        at endpoint: Endpoint,
        _ take: (Row) -> Int64
    ) async throws(TortureError) {
        var after: Int64 = 0
        while true {
            let page: [Row] = try await get("\(path)?limit=\(Self.pageLength)&after=\(after)", at: endpoint)
            for row in page { after = take(row) }
            if page.count < Self.pageLength { return }
        }
    }

    private func get<Value: Decodable>(_ path: String, at endpoint: Endpoint) async throws(TortureError) -> Value {
        do {
            let answer = try await plain(path, at: endpoint)
            guard answer.status == 200 else { throw TortureError("GET \(path) gave \(answer.status)") }
            return try JSONDecoder().decode(Value.self, from: Data(answer.body))
        } catch { throw TortureError("GET \(path) failed: \(error)") }
    }

    /// A GET that is no part of the history.
    func plain(_ path: String, at endpoint: Endpoint) async throws(TransferError) -> ClientAnswer {
        var request = ClientRequest(.get, endpoint.url + path)
        request.usesProxy = false
        request.answerBytesMax = 8 << 20
        request.limits.total = .seconds(10)
        return try await http.send(request)
    }
}

/// Why a run could not be carried out, which is no verdict on the service.
package struct TortureError: Error, CustomStringConvertible {
    package let description: String

    package init(_ description: String) { self.description = description }
}
