/** Options after defaults: every key present and defined. */
export type Resolved<T> = { readonly [K in keyof T]-?: Exclude<T[K], undefined> };
