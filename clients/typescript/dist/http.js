import { GavelError } from "./errors.js";
/** Sends one operation by POST. Rejects with NETWORK if there is no GraphQL answer. */
export async function post(fetch, url, payload, { token, timeoutMs, signal }) {
    const headers = {
        "content-type": "application/json",
        accept: "application/graphql-response+json, application/json;q=0.9",
    };
    if (token !== undefined)
        headers["authorization"] = `Bearer ${token}`;
    const abort = new AbortController();
    const late = setTimeout(() => abort.abort(new Error("no answer in time")), timeoutMs);
    const stop = () => abort.abort(signal?.reason);
    signal?.addEventListener("abort", stop);
    try {
        signal?.throwIfAborted();
        const body = JSON.stringify(payload);
        const response = await fetch(url, { method: "POST", headers, body, signal: abort.signal });
        return await resultOf(response);
    }
    catch (error) {
        if (signal?.aborted || error instanceof GavelError)
            throw error;
        throw new GavelError("NETWORK", "no answer from the service", undefined, { cause: error });
    }
    finally {
        clearTimeout(late);
        signal?.removeEventListener("abort", stop);
    }
}
async function resultOf(response) {
    const text = await response.text();
    try {
        const result = JSON.parse(text);
        if (result && (result.data !== undefined || result.errors?.length))
            return result;
    }
    catch {
        // No JSON: a proxy's page, or half an answer.
    }
    throw new GavelError("NETWORK", `the answer (status ${response.status}) is not of the service`);
}
