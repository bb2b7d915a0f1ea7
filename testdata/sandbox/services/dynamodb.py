"""DynamoDB, on moto's tables in process.

moto's expressions, conditions, segments and pages of 1 MB are believable; its
HTTP layer is not used. Requests arrive checked and are handed to moto's handler
as the dictionaries that it makes of a body itself.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

from botocore.model import Shape
from moto.core.exceptions import JsonRESTError, ServiceException
from moto.dynamodb.responses import DynamoHandler

import model
from service import AwsError, Call, Service, World

Item = dict[str, Any]
# What a table's stream is read by: an item before (None: it was not there) and after a change.
Watcher = Callable[[Item | None, Item], None]


class DynamoDb(Service):
    name = "dynamodb"

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._watchers: dict[str, Watcher] = {}

    def seed_table(self, name: str, indexes: list[dict[str, Any]] | None = None,
                   keys: tuple[str, str] = ("PK", "SK")) -> str:
        """Makes a table with a partition and a sort key, both strings; returns its ARN.

        `indexes`: global ones as CreateTable takes them; their keys are among `keys`.
        """
        partition, sort = keys
        request: dict[str, Any] = {
            "TableName": name, "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [{"AttributeName": key, "AttributeType": "S"} for key in keys],
            "KeySchema": [{"AttributeName": partition, "KeyType": "HASH"},
                          {"AttributeName": sort, "KeyType": "RANGE"}]}
        if indexes:
            request["GlobalSecondaryIndexes"] = indexes
        return str(self._ask("create_table", request)["TableDescription"]["TableArn"])

    def put_item(self, table: str, item: dict[str, Any]) -> None:
        """Puts an item whose values are as on the wire: {"PK": {"S": "…"}}."""
        self._ask("put_item", {"TableName": table, "Item": item})

    def watch(self, table: str, watcher: Watcher) -> None:
        """Has what UpdateItem and PutItem change told to `watcher`, as a stream would; it must return at once."""
        self._watchers[table] = watcher

    def item(self, table: str, keys: Item) -> Item | None:
        """The item of that key, as on the wire, or None."""
        with self.lock:
            found = self._ask("get_item", {"TableName": table, "Key": keys, "ConsistentRead": True})
        return found.get("Item")

    def set_attributes(self, table: str, keys: Item, values: Item) -> None:
        """Sets attributes as UpdateItem does it without a condition: an item that is not there is made."""
        names = {f"#{number}": name for number, name in enumerate(values)}
        changes = ", ".join(f"{short} = :{short[1:]}" for short in names)
        with self.lock:
            self._watched("update_item", {
                "TableName": table, "Key": keys, "UpdateExpression": f"SET {changes}",
                "ExpressionAttributeNames": names,
                "ExpressionAttributeValues": {f":{short[1:]}": values[name] for short, name in names.items()}})

    def ListTables(self, call: Call) -> dict[str, Any]:
        return self._moto("list_tables", call)

    def CreateTable(self, call: Call) -> dict[str, Any]:
        return self._moto("create_table", call)

    def DescribeTable(self, call: Call) -> dict[str, Any]:
        return self._moto("describe_table", call)

    def DeleteTable(self, call: Call) -> dict[str, Any]:
        return self._moto("delete_table", call)

    def GetItem(self, call: Call) -> dict[str, Any]:
        return self._moto("get_item", call)

    def PutItem(self, call: Call) -> dict[str, Any]:
        return self._moto("put_item", call)

    def UpdateItem(self, call: Call) -> dict[str, Any]:
        return self._moto("update_item", call)

    def DeleteItem(self, call: Call) -> dict[str, Any]:
        return self._moto("delete_item", call)

    def BatchGetItem(self, call: Call) -> dict[str, Any]:
        return self._moto("batch_get_item", call)

    def BatchWriteItem(self, call: Call) -> dict[str, Any]:
        return self._moto("batch_write_item", call)

    def TransactWriteItems(self, call: Call) -> dict[str, Any]:
        return self._moto("transact_write_items", call)

    def Query(self, call: Call) -> dict[str, Any]:
        return self._moto("query", call)

    def Scan(self, call: Call) -> dict[str, Any]:
        return self._moto("scan", call)

    def _moto(self, method: str, call: Call) -> dict[str, Any]:
        operation = model.service_model(self.name).operation_model(call.operation)
        result = self._watched(method, _blobs(operation.input_shape, call.params, _encode))
        return dict(_blobs(operation.output_shape, result, _decode))

    def _watched(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        """Asks moto, and tells who watches the table. A change that changes nothing is not in the stream."""
        watcher = self._watchers.get(params.get("TableName", ""))
        if watcher is None or method not in ("update_item", "put_item"):
            return self._ask(method, params)
        whole = params.get("Key") or params["Item"]
        keys = {name: whole[name] for name in ("PK", "SK")}
        before = self.item(params["TableName"], keys)
        result = self._ask(method, params)
        after = self.item(params["TableName"], keys)
        if after is not None and after != before:
            watcher(before, after)
        return result

    def _ask(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        handler = DynamoHandler()
        handler.region = self.world.settings.region
        handler.current_account = self.world.settings.account
        handler.body = handler.params = params
        try:
            return dict(getattr(handler, method)().result or {})
        except ServiceException as error:
            raise AwsError(error.code, error.message) from error
        except JsonRESTError as error:
            raise _refusal(json.loads(error.description)) from error


def _refusal(document: dict[str, Any]) -> AwsError:
    """moto's older errors, which are bodies already."""
    code = document.pop("__type").rpartition("#")[2]
    message = document.pop("message", None) or document.pop("Message", "")
    return AwsError(code, message, fields=document)


def _encode(value: Any) -> Any:
    return base64.b64encode(value).decode()


def _decode(value: Any) -> Any:
    return base64.b64decode(value) if isinstance(value, str) else value


def _blobs(shape: Shape | None, value: Any, change: Any) -> Any:
    """A copy of `value` with its blobs changed: moto keeps them as text, and keeps what it is given."""
    kind: Any = shape
    if kind is None or value is None:
        return value
    if kind.type_name == "structure":
        # Members that moto adds beyond the model are not passed on.
        return {name: _blobs(member, value[name], change) for name, member in kind.members.items()
                if value.get(name) is not None}
    if kind.type_name == "list":
        return [_blobs(kind.member, item, change) for item in value]
    if kind.type_name == "map":
        return {key: _blobs(kind.value, item, change) for key, item in value.items()}
    return change(value) if kind.type_name == "blob" else value
