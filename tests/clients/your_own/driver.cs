// The driver in C#: the test compiles the client with this file.
using System;
using System.IO;

public static class Driver
{
    public static void Main(string[] given)
    {
        var found = Updates.Update(Updates.Latest(given[0]).Result, given[1], int.Parse(given[2]));
        var right = found == null ? "null" : Updates.IsRight(found, File.ReadAllBytes(given[3])) ? "true" : "false";
        Console.WriteLine("{{\"found\": {0}, \"right\": {1}}}", found == null ? "null" : "\"" + found.url + "\"", right);
    }
}
