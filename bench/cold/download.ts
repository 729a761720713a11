/** A new process downloads all entities over plain HTTP and parses them. Prints the milliseconds. `download.ts URL COUNT` */
const [url = "", count = ""] = process.argv.slice(2);
const began = performance.now();
const response = await fetch(url);
const list = JSON.parse(await response.text()) as Array<{ id: string }>;
const byId = new Map(list.map((entity) => [entity.id, entity]));
if (byId.size !== Number(count)) throw new Error(`the download has ${byId.size} entities, not ${count}`);
console.log(performance.now() - began);
