internal import Synchronization

/// A handler that gives its place to another, once.
///
/// So a server can listen, and say how far it is, before what it serves is there. Each request sees one of the two.
package final class SwitchableHandler: Handler {
    private final class Box: Sendable {
        let handler: any Handler

        init(_ handler: any Handler) { self.handler = handler }
    }

    private let first: any Handler
    private let second = AtomicLazyReference<Box>()

    package init(_ first: any Handler) {
        self.first = first
    }

    /// From here on `handler` gets every request; those that the first one has begun are its own.
    package func change(to handler: any Handler) {
        let box = Box(handler)
        precondition(second.storeIfNil(box) === box, "changed twice")
    }

    private var current: any Handler { second.load()?.handler ?? first }

    package func bodyBytesMax(for head: RequestHead) -> Int { current.bodyBytesMax(for: head) }

    package func respond(to request: Request, context: RequestContext) async -> Response {
        await current.respond(to: request, context: context)
    }

    package func refuse(_ refusal: Refusal, context: RequestContext) -> Response {
        current.refuse(refusal, context: context)
    }
}
