internal import Faults

/// One client: it does one thing after the other, at whichever process is there.
struct Client: Sendable {
    let wire: Wire
    let board: Board
    let recorder: Recorder
    let fleet: Fleet
    let seed: UInt64
    let usesKeys: Bool

    private static let retriesMax = 6

    func run() async {
        var mix = Mix(random: SplitMix64(seed: seed), usesKeys: usesKeys)
        while !Task.isCancelled, !recorder.isFull {
            guard let endpoint = fleet.endpoints.randomElement(using: &mix.random) else {
                try? await Task.sleep(for: .milliseconds(10))
                continue
            }
            await take(mix.next(board.rows, txid: board.txid), at: endpoint, &mix)
            let pause = mix.pause()
            if pause > .zero { try? await Task.sleep(for: pause) }
        }
    }

    private func take(_ step: Mix.Step, at endpoint: Endpoint, _ mix: inout Mix) async {
        switch step {
        case .create(let kind): record(await wire.create(kind, board.nextSerial(), at: endpoint))
        case .createWithKey(let kind): await createWithKey(kind, endpoint, &mix)
        case .change(let row): record(await wire.change(row, board.nextSerial(), at: endpoint))
        case .delete(let row): record(await wire.delete(row, board.nextSerial(), at: endpoint))
        case .read(let row): record(await wire.read(row, at: endpoint))
        case .readSince(let row, let txid): record(await wire.read(row, since: txid, at: endpoint))
        }
    }

    /// As a careful client does it: the same key until there is an answer, at whichever process.
    ///
    /// Often it gives up so early that the write goes on without it; and sometimes it asks once more for an answer that
    /// it has.
    private func createWithKey(_ kind: Kind, _ endpoint: Endpoint, _ mix: inout Mix) async {
        let serial = board.nextSerial()
        let key = "\(wire.run)-\(serial)"
        var endpoint = endpoint
        var repeatsLeft = mix.random.chance(0.3) ? 1 : 0
        for attempt in 0..<Self.retriesMax where !Task.isCancelled {
            let isHasty = attempt == 0 && mix.random.chance(0.4)
            let limit = isHasty ? mix.random.duration(in: .milliseconds(1) ... .milliseconds(60)) : Wire.answerLimit
            var operation = await wire.create(kind, serial, key: key, at: endpoint, within: limit)
            operation.isHasty = isHasty
            record(operation)
            if operation.outcome == .acknowledged {
                guard repeatsLeft > 0 else { return }
                repeatsLeft -= 1
            }
            try? await Task.sleep(for: mix.random.duration(in: .milliseconds(5) ... .milliseconds(200)))
            endpoint = fleet.endpoints.randomElement(using: &mix.random) ?? endpoint
        }
    }

    private func record(_ operation: Operation) {
        recorder.add(operation)
        if let txid = operation.txid { board.note(txid) }
        switch (operation.action, operation.outcome) {
        case (.create, .acknowledged): if let row = operation.row { board.add(row) }
        case (.delete(let row), .acknowledged): board.remove(row)
        default: break
        }
    }
}
