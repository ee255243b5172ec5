//! What a kernel printed, by line, each with the moment of its first byte. It does not know how it is shown.

/// How many lines are kept.
const MOST: usize = 200;
/// How many bytes of a line are kept.
const MOST_BYTES: usize = 1000;

/// A line that was printed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Printed {
    /// Instructions executed before its first byte.
    pub icount: u64,
    /// Its text.
    pub text: String,
}

/// What was printed.
#[derive(Clone, Debug, Default)]
pub struct PrintedLines {
    /// The first lines.
    pub lines: Vec<Printed>,
    /// How many there were.
    pub count: u64,
    /// When each byte was printed that was not taken yet.
    moments: Vec<u64>,
    /// The line that has not ended.
    line: Option<(u64, Vec<u8>)>,
}

impl PrintedLines {
    /// A byte was printed.
    pub(super) fn note(&mut self, icount: u64) {
        self.moments.push(icount);
    }

    /// Takes what was printed since it was last taken: of very much in one instruction only the end.
    pub(super) fn take(&mut self, bytes: &[u8]) {
        let moments = std::mem::take(&mut self.moments);
        let lost = moments.len().saturating_sub(bytes.len());
        for (icount, byte) in moments[lost..].iter().zip(bytes) {
            let (_, line) = self.line.get_or_insert_with(|| (*icount, Vec::new()));
            if *byte == b'\n' {
                self.end_line();
            } else if line.len() < MOST_BYTES {
                line.push(*byte);
            }
        }
    }

    pub(super) fn end_line(&mut self) {
        let Some((icount, line)) = self.line.take() else { return };
        self.count += 1;
        if self.lines.len() < MOST {
            let text = String::from_utf8_lossy(&line).trim_end_matches('\r').to_owned();
            self.lines.push(Printed { icount, text });
        }
    }
}
