internal import LTX
internal import ObjectStore

/// How an instance learns what another one has written.
extension LogMachine {
    mutating func handleFetch(_ event: Event, at now: LocalTime) -> Effect {
        switch (step, event) {
        case (.fetching(let fetch), .fetched(let entry, let byteCount, let time)):
            guard isFresh(time) else {
                return ask(.judgingEntry(fetch, entry, byteCount: byteCount), .list(after: txid), at: now)
            }
            return accept(entry, byteCount, fetch, at: now)
        case (.judgingEntry(let fetch, let entry, let byteCount), .listed(let listing)):
            guard !isCovered(nextTXID, listing) else { return restore() }
            believe(listing.at)
            return accept(entry, byteCount, fetch, at: now)
        case (.fetching(let fetch), .absent(let time, let asked)):
            askedAt = asked
            guard isFresh(time) else { return ask(.judgingEnd(fetch), .list(after: txid), at: now) }
            believe(time)
            noteEnd(fetch.cursor?.position.txid)
            return end(sawEnd: true)
        case (.judgingEnd(let fetch), .listed(let listing)):
            guard !isCovered(nextTXID, listing) else { return restore() }
            believe(listing.at)
            let sawEnd = listing.newest ?? TXID(rawValue: 0) <= fetch.cursor?.position.txid ?? TXID(rawValue: 0)
            if sawEnd { noteEnd(fetch.cursor?.position.txid) }
            return end(sawEnd: sawEnd)
        // What is there can be applied, and the rest is asked for again.
        case (.fetching(let fetch), .failed) where fetch.count > 0: return finish(.caughtUp(sawEnd: false))
        case (.fetching, .failed(let error)), (.judgingEntry, .failed(let error)), (.judgingEnd, .failed(let error)):
            return finish(.failed(.store(error)))
        case (.fetching, .tooLarge): return restore()
        case (.fetching, .unreadable(let error)): return finish(.failed(stop(error)))
        default: preconditionFailure("an answer to what was not asked")
        }
    }

    private mutating func accept(_ entry: LogEntry, _ byteCount: Int, _ fetch: Fetch, at now: LocalTime) -> Effect {
        if let error = problem(of: entry, after: fetch.cursor) { return finish(.failed(stop(error))) }
        guard byteCount <= timing.catchUpBytesMax else { return restore() }
        var fetch = fetch
        fetch.cursor = entry.tip
        fetch.count += 1
        fetch.byteCount += byteCount
        unendedCount += 1
        guard unendedCount <= timing.farBehindCount else { return restore() }
        guard fetch.count < timing.catchUpCountMax, fetch.byteCount < timing.catchUpBytesMax else {
            return finish(.caughtUp(sawEnd: false))
        }
        let next = TXID(rawValue: entry.tip.position.txid.rawValue + 1)
        return ask(.fetching(fetch), .fetch(next), at: now)
    }

    private func problem(of entry: LogEntry, after cursor: LogTip?) -> LogError? {
        let txid = entry.tip.position.txid
        guard entry.nodeID != 0 else { return .foreignWriter(txid) }
        guard entry.predecessor == cursor?.position.fileChecksum else { return .brokenChain(txid) }
        guard entry.tip.timestampMilliseconds >= cursor?.timestampMilliseconds ?? .min else {
            return .timeGoesBack(txid)
        }
        return nil
    }

    private mutating func end(sawEnd: Bool) -> Effect {
        unendedCount = 0
        return finish(.caughtUp(sawEnd: sawEnd))
    }
}
