import FoundationEssentials
import Glibc

/// What went wrong with a file, in the words of the operating system rather than of Foundation.
package func fileFailureReason(_ error: any Error) -> String {
    guard let error = error as? CocoaError, let cause = unsafe error.userInfo["NSUnderlyingError"] as? POSIXError else {
        return "\(error)"
    }
    return unsafe String(cString: strerror(cause.code.rawValue))
}
