internal import Glibc

/// The end of the process, for when to go on could break the promise that a commit is durable.
///
/// Whoever starts it again restores from the log; nothing that was answered is in here alone. Neither `deinit`s nor exit
/// handlers run: they could write.
package func endProcess(because reason: String) -> Never {
    let text = "holdfast: stopped: \(reason)\n"
    write(STDERR_FILENO, text, text.utf8.count)
    _exit(70)  // EX_SOFTWARE
}
