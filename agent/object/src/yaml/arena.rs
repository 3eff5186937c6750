//! Parser events to a graph of nodes, with the cost of every node once aliases are written out.
//!
//! An alias is one edge here, so an alias bomb is weighed, and refused, before it takes memory.

use std::collections::HashMap;

use libyaml_safer::{Event, EventData, Mark, Parser};

use crate::yaml::{Limits, Position, YamlError, decode};

/// The nodes of all documents of a text.
pub(super) struct Arena {
    nodes: Vec<Node>,
    /// The root of each document, in order.
    pub(super) roots: Vec<NodeId>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NodeId(usize);

pub(super) struct Node {
    position: Position,
    pub(super) anchored: bool,
    pub(super) content: Content,
}

#[derive(Clone)]
pub(super) enum Content {
    Scalar(Scalar),
    Sequence(Vec<NodeId>),
    /// Keys and values in turn.
    Mapping(Vec<NodeId>),
    Alias(NodeId),
}

#[derive(Clone)]
pub(super) struct Scalar {
    pub(super) text: String,
    pub(super) tag: Option<String>,
    /// Written without quotes and without a tag, so the text decides the type.
    pub(super) plain: bool,
}

/// What a node is once its aliases are written out.
#[derive(Clone, Copy, Default)]
struct Cost {
    nodes: usize,
    bytes: usize,
    height: usize,
}

/// A named node; the cost is none while the node is open.
#[derive(Clone, Copy)]
struct Anchor {
    node: NodeId,
    cost: Option<Cost>,
}

/// A map or list whose end is not read yet.
struct Open {
    node: NodeId,
    anchor: Option<String>,
    children: Vec<NodeId>,
    cost: Cost,
}

struct Builder<'a> {
    limits: &'a Limits,
    arena: Arena,
    open: Vec<Open>,
    /// The anchors of this document.
    anchors: HashMap<String, Anchor>,
    /// What the complete documents cost.
    spent: Cost,
}

// === impl Arena ===

impl Arena {
    pub(super) fn position(&self, node: NodeId) -> Position {
        self.nodes
            .get(node.0)
            .map_or(Position { line: 1, column: 1 }, |node| node.position)
    }

    pub(super) fn node(&self, id: NodeId) -> Option<&Node> {
        self.nodes.get(id.0)
    }

    pub(super) fn node_mut(&mut self, id: NodeId) -> Option<&mut Node> {
        self.nodes.get_mut(id.0)
    }
}

/// Reads every event of the text into nodes.
pub(super) fn read(text: &str, limits: &Limits) -> Result<Arena, YamlError> {
    let mut input = text.as_bytes();
    let mut parser = Parser::new();
    parser.set_input_string(&mut input);
    let mut builder = Builder::new(limits);
    loop {
        let event = parser.parse().map_err(|error| parser_error(&error, text))?;
        if matches!(event.data, EventData::StreamEnd) {
            return Ok(builder.arena);
        }
        builder.take(event)?;
    }
}

// === impl Builder ===

impl<'a> Builder<'a> {
    fn new(limits: &'a Limits) -> Self {
        Self {
            limits,
            arena: Arena {
                nodes: Vec::new(),
                roots: Vec::new(),
            },
            open: Vec::new(),
            anchors: HashMap::new(),
            spent: Cost::default(),
        }
    }

    fn take(&mut self, event: Event) -> Result<(), YamlError> {
        let position = position_of(event.start_mark);
        match event.data {
            EventData::DocumentStart { .. } => {
                self.anchors.clear();
                Ok(())
            }
            EventData::Scalar {
                anchor,
                tag,
                value,
                plain_implicit,
                ..
            } => self.scalar(position, anchor, tag, value, plain_implicit),
            EventData::SequenceStart { anchor, .. } => {
                self.start(position, anchor, Content::Sequence(Vec::new()))
            }
            EventData::MappingStart { anchor, .. } => {
                self.start(position, anchor, Content::Mapping(Vec::new()))
            }
            EventData::SequenceEnd | EventData::MappingEnd => self.end(),
            EventData::Alias { anchor } => self.alias(position, &anchor),
            EventData::StreamStart { .. }
            | EventData::StreamEnd
            | EventData::DocumentEnd { .. } => Ok(()),
        }
    }

    fn scalar(
        &mut self,
        position: Position,
        anchor: Option<String>,
        tag: Option<String>,
        text: String,
        plain_implicit: bool,
    ) -> Result<(), YamlError> {
        let cost = Cost {
            nodes: 1,
            bytes: text.len(),
            height: 0,
        };
        let plain = plain_implicit && tag.is_none();
        let scalar = Scalar { text, tag, plain };
        let node = self.push(position, anchor.is_some(), Content::Scalar(scalar));
        if let Some(anchor) = anchor {
            self.anchors.insert(
                anchor,
                Anchor {
                    node,
                    cost: Some(cost),
                },
            );
        }
        self.place(node, cost)
    }

    fn start(
        &mut self,
        position: Position,
        anchor: Option<String>,
        content: Content,
    ) -> Result<(), YamlError> {
        let node = self.push(position, anchor.is_some(), content);
        if let Some(anchor) = &anchor {
            self.anchors
                .insert(anchor.clone(), Anchor { node, cost: None });
        }
        self.open.push(Open {
            node,
            anchor,
            children: Vec::new(),
            cost: Cost {
                nodes: 1,
                bytes: 0,
                height: 1,
            },
        });
        self.check_depth(position, self.open.len())
    }

    fn end(&mut self) -> Result<(), YamlError> {
        let Some(open) = self.open.pop() else {
            return Ok(());
        };
        if let Some(node) = self.arena.node_mut(open.node)
            && let Content::Sequence(children) | Content::Mapping(children) = &mut node.content
        {
            *children = open.children;
        }
        if let Some(name) = open.anchor
            && let Some(anchor) = self.anchors.get_mut(&name)
            && anchor.node == open.node
        {
            anchor.cost = Some(open.cost);
        }
        self.place(open.node, open.cost)
    }

    fn alias(&mut self, position: Position, name: &str) -> Result<(), YamlError> {
        let Some(anchor) = self.anchors.get(name).copied() else {
            return Err(YamlError::new(
                position,
                format!("alias *{name} has no anchor &{name} before it in this document"),
            ));
        };
        let Some(cost) = anchor.cost else {
            return Err(YamlError::new(
                position,
                format!("alias *{name} stands inside the value of its own anchor &{name}"),
            ));
        };
        let node = self.push(position, false, Content::Alias(anchor.node));
        self.place(node, cost)
    }

    fn push(&mut self, position: Position, anchored: bool, content: Content) -> NodeId {
        self.arena.nodes.push(Node {
            position,
            anchored,
            content,
        });
        NodeId(self.arena.nodes.len() - 1)
    }

    /// Puts a complete node into what is open around it and adds up what it costs there.
    fn place(&mut self, node: NodeId, cost: Cost) -> Result<(), YamlError> {
        let position = self.arena.position(node);
        self.check_depth(position, self.open.len() + cost.height)?;
        let sum = match self.open.last_mut() {
            Some(parent) => {
                parent.children.push(node);
                parent.cost.height = parent.cost.height.max(cost.height + 1);
                &mut parent.cost
            }
            None => {
                self.arena.roots.push(node);
                &mut self.spent
            }
        };
        sum.nodes = sum.nodes.saturating_add(cost.nodes);
        sum.bytes = sum.bytes.saturating_add(cost.bytes);
        if sum.nodes > self.limits.nodes {
            let message = format!(
                "with aliases written out there are more than {} values; split the file",
                self.limits.nodes
            );
            return Err(YamlError::new(position, message));
        }
        if sum.bytes > self.limits.bytes {
            let message = format!(
                "with aliases written out there are more than {} bytes of text; split the file",
                self.limits.bytes
            );
            return Err(YamlError::new(position, message));
        }
        Ok(())
    }

    fn check_depth(&self, position: Position, depth: usize) -> Result<(), YamlError> {
        if depth > self.limits.depth {
            let message = format!(
                "maps and lists nest deeper than {} levels",
                self.limits.depth
            );
            return Err(YamlError::new(position, message));
        }
        Ok(())
    }
}

/// The parser's error, with the place its mark names, or the one its byte offset leads to.
fn parser_error(error: &libyaml_safer::Error, text: &str) -> YamlError {
    let position = match error.problem_mark() {
        Some(mark) => position_of(mark),
        None => decode::end_of(text),
    };
    let message = match error.context() {
        Some(context) => format!("{} {context}", error.problem()),
        None => error.problem().to_owned(),
    };
    YamlError::new(position, message)
}

fn position_of(mark: Mark) -> Position {
    let from_one = |count: u64| {
        usize::try_from(count)
            .unwrap_or(usize::MAX)
            .saturating_add(1)
    };
    Position {
        line: from_one(mark.line),
        column: from_one(mark.column),
    }
}
