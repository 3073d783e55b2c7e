/** From here on there is no `Buffer`. What is imported beside this is loaded before and runs after: tsx needs a `Buffer` to load it. */
Reflect.deleteProperty(globalThis, "Buffer");
