/** Contract suites: what every adapter of a port must do, as cases for any test runner. */
export { type StoreCase, type StoreContractOptions, type StoreDisk, storeContract } from "./store.ts";
export { type StorageCase, type StorageContractOptions, type StorageDisk, storageContract } from "./storage.ts";
