//! Profiles as other tools read them. It does not count.

use serde_json::{Value, json};

use super::{Node, Profile};

/// A tool's format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Brendan Gregg's folded stacks: a line for each stack, `outer;inner count`.
    Folded,
    /// <https://www.speedscope.app/file-format-schema.json>
    Speedscope,
    /// The trace event format, which Perfetto and chrome://tracing open. A microsecond stands for an instruction.
    Perfetto,
}

impl Profile {
    /// The profile in a tool's format. `name` is what the tool shows as its title.
    pub fn write(&self, format: Format, name: &str) -> String {
        match format {
            Format::Folded => self.folded(),
            Format::Speedscope => self.speedscope(name).to_string() + "\n",
            Format::Perfetto => self.perfetto(name).to_string() + "\n",
        }
    }

    /// Those with instructions of their own, with their way from the outermost in.
    fn stacks(&self) -> impl Iterator<Item = (Vec<usize>, &Node)> {
        self.nodes.iter().enumerate().filter(|(_, node)| node.own > 0).map(|(index, node)| {
            let mut path: Vec<usize> = self.path(index).collect();
            path.reverse();
            (path, node)
        })
    }

    fn folded(&self) -> String {
        // What separates the parts of a line cannot be in a name.
        let name = |index: &usize| self.nodes[*index].name.replace([';', '\n', '\r'], "_");
        let line = |(path, node): (Vec<usize>, &Node)| {
            format!("{} {}\n", path.iter().map(name).collect::<Vec<_>>().join(";"), node.own)
        };
        self.stacks().map(line).collect()
    }

    fn speedscope(&self, name: &str) -> Value {
        let frame = |node: &Node| match &node.line {
            Some(line) => json!({ "name": node.name, "file": line.file, "line": line.line }),
            None => json!({ "name": node.name }),
        };
        let (samples, weights): (Vec<_>, Vec<_>) = self.stacks().map(|(path, node)| (path, node.own)).unzip();
        json!({
            "$schema": "https://www.speedscope.app/file-format-schema.json",
            "name": name,
            "exporter": concat!(env!("CARGO_PKG_NAME"), " ", env!("CARGO_PKG_VERSION")),
            "shared": { "frames": self.nodes.iter().map(frame).collect::<Value>() },
            "profiles": [{
                "type": "sampled",
                "name": "instructions",
                "unit": "none",
                "startValue": 0,
                "endValue": self.total(),
                "samples": samples,
                "weights": weights,
            }],
        })
    }

    fn perfetto(&self, name: &str) -> Value {
        let mut starts = vec![0; self.nodes.len()];
        // Where the next one within begins.
        let mut inner = vec![0; self.nodes.len()];
        let mut events = vec![json!({ "ph": "M", "pid": 1, "name": "process_name", "args": { "name": name } })];
        for (index, node) in self.nodes.iter().enumerate() {
            if let Some(parent) = node.parent {
                starts[index] = inner[parent];
                inner[parent] += node.total;
            }
            inner[index] = starts[index];
            if node.total > 0 {
                let args = json!({ "instructions": node.total, "own": node.own, "calls": node.calls });
                let category = if node.is_trap { "trap" } else { "function" };
                events.push(json!({ "ph": "X", "pid": 1, "tid": 1, "cat": category, "name": node.name, "ts": starts[index], "dur": node.total, "args": args }));
            }
        }
        json!({ "traceEvents": events })
    }
}
