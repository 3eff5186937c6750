//! Parser events to a graph of nodes, with the cost of every node once aliases are written out.
//!
//! An alias is one edge here, so an alias bomb is weighed, and refused, before it takes memory.

use std::borrow::Cow;
use std::collections::HashMap;

use granit_parser::{Event, ScalarStyle, StructureStyle, Tag};

use crate::yaml::{Limits, Position, YamlError};

/// What the parser says of a node without an anchor.
const NO_ANCHOR: usize = 0;

/// The nodes of all documents of a text.
pub(super) struct Arena<'t> {
    nodes: Vec<Node<'t>>,
    /// The root of each document, in order.
    pub(super) roots: Vec<NodeId>,
    /// The comments, when they are kept.
    pub(super) comments: Vec<Comment<'t>>,
}

/// A comment and where it stands.
pub(super) struct Comment<'t> {
    /// Without its `#`.
    pub(super) text: Cow<'t, str>,
    pub(super) position: Position,
    /// Whether it stands behind something in its line.
    pub(super) inline: bool,
    /// How many documents are complete before it.
    pub(super) document: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NodeId(usize);

pub(super) struct Node<'t> {
    position: Position,
    pub(super) anchored: bool,
    pub(super) content: Content<'t>,
}

#[derive(Clone)]
pub(super) enum Content<'t> {
    Scalar(Scalar<'t>),
    Sequence(Vec<NodeId>),
    /// Keys and values in turn.
    Mapping(Vec<NodeId>),
    Alias(NodeId),
}

#[derive(Clone)]
pub(super) struct Scalar<'t> {
    pub(super) text: Cow<'t, str>,
    /// The whole tag, its handle written out.
    pub(super) tag: Option<String>,
    pub(super) style: ScalarStyle,
    /// Whether it stands inside braces or brackets.
    pub(super) in_flow: bool,
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
    anchor: usize,
    flow: bool,
    children: Vec<NodeId>,
    cost: Cost,
}

pub(super) struct Builder<'a, 't> {
    limits: &'a Limits,
    arena: Arena<'t>,
    open: Vec<Open>,
    /// The anchors of this document, by the number the parser gave them.
    anchors: HashMap<usize, Anchor>,
    /// What the complete documents cost.
    spent: Cost,
}

// === impl Scalar ===

impl Scalar<'_> {
    /// Whether it is written without quotes and without a tag, so that its text decides the type.
    pub(super) fn is_plain(&self) -> bool {
        self.style == ScalarStyle::Plain && self.tag.is_none()
    }
}

// === impl Arena ===

impl<'t> Arena<'t> {
    pub(super) fn position(&self, node: NodeId) -> Position {
        self.nodes
            .get(node.0)
            .map_or(Position { line: 1, column: 1 }, |node| node.position)
    }

    pub(super) fn node(&self, id: NodeId) -> Option<&Node<'t>> {
        self.nodes.get(id.0)
    }

    pub(super) fn node_mut(&mut self, id: NodeId) -> Option<&mut Node<'t>> {
        self.nodes.get_mut(id.0)
    }
}

// === impl Builder ===

impl<'a, 't> Builder<'a, 't> {
    pub(super) fn new(limits: &'a Limits) -> Self {
        Self {
            limits,
            arena: Arena {
                nodes: Vec::new(),
                roots: Vec::new(),
                comments: Vec::new(),
            },
            open: Vec::new(),
            anchors: HashMap::new(),
            spent: Cost::default(),
        }
    }

    /// Takes in the next event.
    pub(super) fn take(&mut self, event: Event<'t>, position: Position) -> Result<(), YamlError> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let scalar = Scalar {
                    text,
                    tag: tag.as_deref().map(tag_text),
                    style,
                    in_flow: self.open.last().is_some_and(|open| open.flow),
                };
                self.scalar(position, anchor, scalar)
            }
            Event::SequenceStart(style, anchor, _) => {
                self.start(position, anchor, style, Content::Sequence(Vec::new()))
            }
            Event::MappingStart(style, anchor, _) => {
                self.start(position, anchor, style, Content::Mapping(Vec::new()))
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(),
            Event::Alias(anchor) => self.alias(position, anchor),
            Event::DocumentStart(..) => {
                self.anchors.clear();
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Takes in a comment that stands before the next event.
    pub(super) fn comment(&mut self, text: Cow<'t, str>, position: Position, inline: bool) {
        self.arena.comments.push(Comment {
            text,
            position,
            inline,
            document: self.arena.roots.len(),
        });
    }

    /// Gives the nodes of all complete documents.
    pub(super) fn finish(self) -> Arena<'t> {
        self.arena
    }

    fn scalar(
        &mut self,
        position: Position,
        anchor: usize,
        scalar: Scalar<'t>,
    ) -> Result<(), YamlError> {
        let cost = Cost {
            nodes: 1,
            bytes: scalar.text.len(),
            height: 0,
        };
        let node = self.push(position, anchor != NO_ANCHOR, Content::Scalar(scalar));
        if anchor != NO_ANCHOR {
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
        anchor: usize,
        style: StructureStyle,
        content: Content<'t>,
    ) -> Result<(), YamlError> {
        let node = self.push(position, anchor != NO_ANCHOR, content);
        if anchor != NO_ANCHOR {
            self.anchors.insert(anchor, Anchor { node, cost: None });
        }
        self.open.push(Open {
            node,
            anchor,
            flow: style == StructureStyle::Flow,
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
        if let Some(anchor) = self.anchors.get_mut(&open.anchor) {
            anchor.cost = Some(open.cost);
        }
        self.place(open.node, open.cost)
    }

    fn alias(&mut self, position: Position, anchor: usize) -> Result<(), YamlError> {
        let Some(anchor) = self.anchors.get(&anchor).copied() else {
            let message = "this alias has no anchor before it in this document";
            return Err(YamlError::new(position, message));
        };
        let Some(cost) = anchor.cost else {
            let message = "this alias stands inside the value of its own anchor";
            return Err(YamlError::new(position, message));
        };
        let node = self.push(position, false, Content::Alias(anchor.node));
        self.place(node, cost)
    }

    /// Takes the line break that was put behind the text out of a block scalar that reaches it:
    /// libyaml's block scalar has a last line break only when the text has one.
    pub(super) fn drop_added_break(&mut self, last_line: &str) {
        let scalar = self
            .arena
            .nodes
            .iter_mut()
            .rev()
            .find_map(|node| match &mut node.content {
                Content::Scalar(scalar) => Some(scalar),
                _ => None,
            });
        let Some(scalar) = scalar else {
            return;
        };
        let Some(rest) = scalar.text.strip_suffix('\n') else {
            return;
        };
        // Of a last line of blanks the break is only there when it is kept (`|+`), or when the
        // blanks are content.
        let blank = |text: &str| text.trim_matches([' ', '\t']).is_empty();
        if !blank(last_line) || rest.is_empty() || rest.ends_with(['\n', ' ', '\t']) {
            scalar.text = Cow::Owned(rest.to_owned());
        }
    }

    fn push(&mut self, position: Position, anchored: bool, content: Content<'t>) -> NodeId {
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

fn tag_text(tag: &Tag) -> String {
    format!("{}{}", tag.handle(), tag.suffix())
}
