"""Names that may have no value yet where they are read: the compiler would take whatever lies in memory."""

import ast
from collections.abc import Iterable, Iterator, Sequence

__all__ = ["endless_loops", "unbound_reads"]


def unbound_reads(function: ast.FunctionDef) -> list[ast.Name]:
    """Return where a local name is read although some path there gives it no value, in the order of the text."""
    arguments = (*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs)
    flow = _Flow(_stored_names(function))
    flow.block(function.body, frozenset(argument.arg for argument in arguments))
    return flow.unbound


def endless_loops(function: ast.FunctionDef) -> Iterator[ast.AST]:
    """Yield loops that nothing can leave."""
    for node in ast.walk(function):
        endless = isinstance(node, ast.While) and isinstance(node.test, ast.Constant) and node.test.value
        if endless and not any(
            isinstance(inner, ast.Break | ast.Return | ast.Raise) for inner in ast.walk(node)
        ):
            yield node


class _Flow:
    """Walks blocks with the names that surely have a value; a block that is always left gives None."""

    def __init__(self, names: set[str]) -> None:
        self.unbound: list[ast.Name] = []
        self._names = names

    def block(self, body: Sequence[ast.stmt], sure: frozenset[str]) -> frozenset[str] | None:
        """Return the names that have a value after a block."""
        for statement in body:
            after = self._statement(statement, sure)
            if after is None:
                return None
            sure = after
        return sure

    def _statement(self, node: ast.stmt, sure: frozenset[str]) -> frozenset[str] | None:
        if isinstance(node, ast.If):
            self._read(node.test, sure)
            return _either(self.block(node.body, sure), self.block(node.orelse, sure))
        if isinstance(node, ast.For):
            return self._loop([node.iter], node.body, node.orelse, sure, _stored_names(node.target))
        if isinstance(node, ast.While):
            return self._loop([node.test], node.body, node.orelse, sure, self._before_break(node))
        self._read(node, sure)
        if isinstance(node, ast.Return | ast.Raise | ast.Break | ast.Continue):
            return None
        return sure | _stored_names(node)

    def _loop(
        self,
        heads: Iterable[ast.expr],
        body: Sequence[ast.stmt],
        orelse: Sequence[ast.stmt],
        sure: frozenset[str],
        given: set[str],
    ) -> frozenset[str] | None:
        for head in heads:
            self._read(head, sure)
        endless = any(isinstance(head, ast.Constant) and head.value for head in heads)
        self.block(body, sure if endless else sure | given)
        if endless:
            return sure | given
        return self.block(orelse, sure)

    def _before_break(self, node: ast.While) -> set[str]:
        """Return what an endless loop surely sets before it can be left."""
        names: set[str] = set()
        if isinstance(node.test, ast.Constant) and node.test.value:
            for statement in node.body:
                if any(isinstance(inner, ast.Break) for inner in ast.walk(statement)):
                    break
                if isinstance(statement, ast.Assign | ast.AnnAssign):
                    names |= _stored_names(statement)
        return names

    def _read(self, node: ast.AST, sure: frozenset[str]) -> None:
        """Note the local names that an expression or a simple statement reads without their having a value."""
        counted = (
            {node.target.id}
            if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name)
            else set()
        )
        for each in ast.walk(node):
            reads = isinstance(each, ast.Name) and (isinstance(each.ctx, ast.Load) or each.id in counted)
            if isinstance(each, ast.Name) and reads and each.id in self._names and each.id not in sure:
                self.unbound.append(each)


def _either(one: frozenset[str] | None, other: frozenset[str] | None) -> frozenset[str] | None:
    if one is None or other is None:
        return other if one is None else one
    return one & other


def _stored_names(node: ast.AST) -> set[str]:
    return {
        each.id for each in ast.walk(node) if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)
    }
