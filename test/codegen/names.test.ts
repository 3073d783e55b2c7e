import assert from "node:assert/strict";
import { camelCase, enumValueName, fieldName, methodName, pascalCase, topLevelTypeName } from "../../codegen/names.js";

suite("names", () => {
  test("types: Pascal case, letters of a name without _ are kept", () => {
    const names = ["player_info", "playerInfo", "PLAYER_INFO", "HTTPRule", "Room", "a__b_", "_1"];
    assert.deepEqual(names.map(pascalCase), ["PlayerInfo", "PlayerInfo", "PlayerInfo", "HTTPRule", "Room", "AB", "1"]);
  });

  test("fields and methods: camel case", () => {
    assert.deepEqual(["user_name", "userName", "MAX_HP", "ID", "_lead", "x_1"].map(camelCase), [
      "userName",
      "userName",
      "maxHp",
      "ID",
      "lead",
      "x1",
    ]);
    assert.deepEqual(["Say", "say", "GetURL", "upload_all"].map(methodName), ["say", "say", "getURL", "uploadAll"]);
  });

  test("names that generated code or JavaScript needs get their kind appended", () => {
    assert.equal(topLevelTypeName("Map", "Message", false), "MapMessage");
    assert.equal(topLevelTypeName("function", "Enum", false), "FunctionEnum");
    assert.equal(topLevelTypeName("Error", "Message", false), "Error");
    assert.equal(topLevelTypeName("Call", "Message", false), "Call");
    assert.equal(topLevelTypeName("Call", "Message", true), "CallMessage");
    assert.deepEqual(["then", "constructor", "toString", "delete"].map(methodName), [
      "thenMethod",
      "constructorMethod",
      "toStringMethod",
      "delete",
    ]);
    assert.deepEqual(["then", "constructor", "has_own_property"].map(fieldName), ["then", "constructorField", "hasOwnPropertyField"]);
    assert.equal(enumValueName("__proto__"), "__proto__Value");
  });

  test("names of which nothing is left that an identifier may start with", () => {
    assert.deepEqual([fieldName("_1"), fieldName("_"), methodName("__")], ["field1", "field", "method"]);
  });
});
